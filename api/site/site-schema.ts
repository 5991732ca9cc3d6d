// SPDX-License-Identifier: Apache-2.0
/** `kind: Site` piece by piece, so that a mistake in one link does not hide those of the next. */
import { z } from 'zod';
import { hostAddress, hostPort } from './addresses.js';
import { device, name, object, prefix, someOf, text, whole, word, yesOrNo } from './fields.js';

const encryptionIsLater =
  'true: encryption of links comes in a later version, and until then only links on which ' +
  'nobody reads along (trusted: true) are used';

const ownAddress = text('an address of this node without a length, such as 192.0.2.10', (value) => {
  const found = hostAddress(value);
  return found?.linkLocal === false ? found.text : undefined;
});
const nextHop = text(
  'the address of a next hop, such as 192.0.2.1 or fe80::1',
  (value) => hostAddress(value)?.text,
);

/** One of `spec.links`. */
export const link = object('a link such as {name: fibre, device: wan0, trusted: true}', {
  name: word,
  device,
  addresses: someOf('a list such as [192.0.2.10, "2001:db8::10"]', ownAddress).optional(),
  gateways: someOf('a list such as [192.0.2.1, "fe80::1"]', nextHop).optional(),
  network: word.default('internet'),
  class: word.default('best-effort'),
  rateMbps: z
    .number({ error: 'a number of Mbit/s, more than 0' })
    .positive({ error: 'a number of Mbit/s, more than 0' })
    .optional(),
  billing: z.enum(['flat', 'metered'], { error: 'flat or metered' }).default('flat'),
  mtu: whole('an MTU: a whole number from 1280 to 65535', 1280, 65535).optional(),
  trusted: z.literal(true, { error: encryptionIsLater }),
});

const path = text('the name of a file', (value) =>
  value !== '' && !value.includes('\0') ? value : undefined,
);

/** One of `spec.peers`. */
export const peer = object('a peer such as {site: cloud, control: ["203.0.113.10:5001"]}', {
  site: name,
  control: someOf(
    'a list such as ["203.0.113.10:5001"]',
    text('host:port such as 203.0.113.10:5001, "[2001:db8::1]:5001" or cloud.example:5001', (at) =>
      hostPort(at, 'names'),
    ),
  ),
  trustBundle: path.optional(),
});

const group = z
  .union([z.string().transform((one) => [one]), z.array(z.string())], {
    error: 'a list of prefixes such as [172.16.0.0/16]',
  })
  .pipe(someOf('a list of prefixes such as [172.16.0.0/16]', prefix));

/** `spec.gateway`. */
export const gateway = object('a mapping such as {prefixes: [[172.16.0.0/16]]}', {
  prefixes: someOf('groups of prefixes such as [[172.16.0.0/16], ["fd00::/64"]]', group),
  routes: z.array(prefix, { error: 'a list of prefixes such as [10.60.0.0/16]' }).default([]),
  nat: yesOrNo.default(false),
});

const lists = {
  links: z.array(z.unknown(), {
    error: 'a list of links such as [{name: fibre, device: wan0, trusted: true}]',
  }),
  peers: z
    .array(z.unknown(), {
      error: 'a list of peers such as [{site: cloud, control: ["203.0.113.10:5001"]}]',
    })
    .default([]),
};

/** `spec`, with the lists' items not yet looked at. */
export const siteSpec = object('a mapping with links and peers', {
  ...lists,
  trustDomain: text(
    'a trust domain: at most 255 small letters, digits, dots, dashes and underscores',
    (value) => (/^[a-z0-9._-]{1,255}$/.test(value) ? value : undefined),
  ).optional(),
  control: z
    .array(
      text('address:port of this node, such as 0.0.0.0:5001 or "[::]:5001"', (at) =>
        hostPort(at, 'addresses'),
      ),
      { error: 'a list such as ["0.0.0.0:5001"]' },
    )
    .default([]),
  gateway: gateway.optional(),
  vxlanPort: whole('a UDP port: a whole number from 1 to 65535', 1, 65535).default(4790),
});

/** What {@link link} makes of its text. */
export type LinkText = z.infer<typeof link>;
/** What {@link peer} makes of its text. */
export type PeerText = z.infer<typeof peer>;
