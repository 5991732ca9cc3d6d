// SPDX-License-Identifier: Apache-2.0
/** `kind: SteeringPolicy` piece by piece, so that a mistake in one rule does not hide those of the next. */
import { z } from 'zod';
import {
  labels,
  name,
  object,
  prefix,
  someOf,
  textOrNumber,
  whole,
  word,
  yesOrNo,
} from './fields.js';
import { http } from './http-schema.js';
import { parseDscp, parsePorts, parseProtocol } from './traffic.js';

/** A class's own links and two more levels of the tables are the first and the last of six. */
export const mostFallbacks = 4;

const dscp = textOrNumber('a DSCP: ef, af11 to af43, cs0 to cs7, be, le, va or 0 to 63', parseDscp);
const protocol = textOrNumber(
  'an IP protocol: tcp, udp, icmp, icmpv6, sctp, gre, esp or 0 to 255',
  parseProtocol,
);
const port = textOrNumber('a port or ports such as "873" or "8000-8999"', parsePorts);
const prefixes = someOf('a list of prefixes such as [10.60.0.0/16, "fd00:60::/32"]', prefix);
const ports = someOf('a list of ports such as ["873", "8000-8999"]', port);

const atLeastOne = (value: object): boolean =>
  Object.values(value).some((one: unknown) => one !== undefined);

const classLinks = object('links such as {class: low-latency} or {name: fibre, weight: 25}', {
  name: word.optional(),
  class: word.optional(),
  weight: whole('a weight: a whole number from 1 to 10000', 1, 10_000).default(1),
}).refine(({ name: link, class: of }) => link !== undefined || of !== undefined, {
  error: 'links by class or name, such as {class: low-latency} or {name: fibre}',
});

const ms = z
  .number({ error: 'a number of milliseconds, more than 0' })
  .positive({ error: 'a number of milliseconds, more than 0' });
const percent = z
  .number({ error: 'a percentage from 0 to 100' })
  .min(0, { error: 'a percentage from 0 to 100' })
  .max(100, { error: 'a percentage from 0 to 100' });

const sla = object('a mapping such as {rttMs: 80, jitterMs: 20, lossPercent: 1}', {
  rttMs: ms.optional(),
  jitterMs: ms.optional(),
  lossPercent: percent.optional(),
}).refine(atLeastOne, { error: 'at least one of rttMs, jitterMs and lossPercent' });

/** One of `spec.classes`, without its name. */
export const policyClass = object('a class such as {links: [{class: low-latency}]}', {
  links: someOf('a list such as [{class: low-latency}]', classLinks).optional(),
  sla: sla.optional(),
  fallback: z
    .array(word, { error: 'a list of classes such as [best-effort]' })
    .max(mostFallbacks, { error: `at most ${String(mostFallbacks)} classes` })
    .default([]),
  strict: yesOrNo.default(false),
});

const match = object('a mapping such as {dscp: [ef]}', {
  dscp: someOf('a list such as [ef]', dscp).default([]),
  protocol: z
    .union([z.string(), z.number(), z.array(z.union([z.string(), z.number()]))], {
      error: 'a protocol such as tcp, or a list of them',
    })
    .transform((one) => (Array.isArray(one) ? one : [one]))
    .pipe(someOf('a protocol such as tcp, or a list of them', protocol))
    .default([]),
  sourcePorts: ports.default([]),
  destinationPorts: ports.default([]),
  sources: prefixes.default([]),
  destinations: prefixes.default([]),
  clientLabels: labels('labels such as {app: sensor}').default({}),
  http: http.optional(),
});

/** One of `spec.rules`. */
export const rule = object('a rule such as {name: voice, match: {dscp: [ef]}, class: bulk}', {
  name,
  match,
  class: word,
  mark: object('a mapping such as {dscp: cs1}', { dscp }).optional(),
});

/** `spec`, with classes and rules not yet looked at. */
export const policySpec = object('a mapping with services, classes, rules and default', {
  services: someOf('a list of services such as [wan]', name),
  classes: z
    .record(z.string(), z.unknown(), {
      error: 'a mapping such as {bulk: {links: [{class: bulk}]}}',
    })
    .default({}),
  rules: z.array(z.unknown(), { error: 'a list of rules' }).default([]),
  default: word,
});

/** What {@link rule} makes of its text. */
export type RuleText = z.infer<typeof rule>;
/** What {@link policyClass} makes of its text. */
export type ClassText = z.infer<typeof policyClass>;
