// SPDX-License-Identifier: Apache-2.0
/** What stands in a lab's file, value by value; `rules.ts` has what one value asks of another. */
import { isIPv4, isIPv6 } from 'node:net';
import { z } from 'zod';
import { delayMs, lossPercent, mtuRange, rateBits, wants } from './units.js';

/** `want` of every mistake stands in the schema's messages. */
function strict<T extends z.ZodRawShape>(shape: T) {
  const keys = Object.keys(shape);
  return z.strictObject(shape, {
    error: ({ code }) =>
      code === 'unrecognized_keys' ? keys.join(', ') : `a mapping with ${keys.join(', ')}`,
  });
}

function text(valid: (text: string) => boolean, want: string) {
  return z.string(want).refine(valid, want);
}

/** A quantity; a bare 0 is one too. */
function quantity(parse: (text: string) => number | undefined, want: string) {
  const valid = (value: string): boolean => parse(value) !== undefined;
  return z
    .union([z.literal(0), text(valid, want)], want)
    .transform(String)
    .optional();
}

const listOf = <T extends z.ZodType>(item: T, want: string) => z.array(item, want);

const name = (what: string) =>
  text(
    (value) => /^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/.test(value),
    `${what}: 1 to 32 of a-z, 0-9 and -, neither first nor last a -`,
  );

const device = text(
  (value) =>
    /^[a-zA-Z][\w.-]{0,14}$/.test(value) && !['lo', 'lan0', 'all', 'default'].includes(value),
  'the name of a network device, such as wan0: 1 to 15 of letters, digits and _ . -, a letter first, not lo and not lan0',
);

/** An address with its prefix length. */
const address = text((value) => {
  const [, ip = '', length = ''] = /^([0-9a-fA-F.:]+)\/(\d{1,3})$/.exec(value) ?? [];
  return (isIPv4(ip) && Number(length) <= 32) || (isIPv6(ip) && Number(length) <= 128);
}, 'an address with its prefix length, such as 203.0.113.2/24 or 2001:db8:a::2/64');

const addresses = listOf(address, 'a list of addresses, such as [203.0.113.2/24]');

const shape = {
  delay: quantity(delayMs, wants.delay),
  jitter: quantity(delayMs, wants.delay),
  loss: quantity(lossPercent, wants.loss),
  rate: quantity(rateBits, wants.rate),
};

const link = strict({
  name: device,
  cable: name('the name of a cable').optional(),
  network: name('the name of a network').optional(),
  addresses: addresses.default([]),
  mtu: z
    .number(wants.mtu)
    .int(wants.mtu)
    .min(mtuRange.least, wants.mtu)
    .max(mtuRange.most, wants.mtu)
    .optional(),
  ...shape,
  toward: z
    .record(
      z.string(),
      strict(shape),
      'a mapping from a site or network to delay, jitter, loss, rate',
    )
    .optional(),
});

const site = strict({
  name: name("a site's name"),
  links: listOf(link, 'a list of links').default([]),
  clients: listOf(strict({ name: name("a client's name") }), 'a list of clients').optional(),
  lan: strict({ addresses }).optional(),
  servers: listOf(
    strict({ name: name("a server's name"), addresses }),
    'a list of servers',
  ).optional(),
});

/** `kind: Lab`. */
export const labSchema = strict({
  apiVersion: z.literal('wanwire.io/v1alpha1', 'wanwire.io/v1alpha1'),
  kind: z.literal('Lab', 'Lab'),
  metadata: strict({ name: name("the lab's name") }),
  spec: strict({ sites: listOf(site, 'a list of sites').min(1, 'at least one site') }),
});

/** A lab's name, as in `metadata.name`. */
export const labName = name("a lab's name");
