// SPDX-License-Identifier: Apache-2.0
/** `kind: SteeringPolicy` piece by piece, so that a mistake in one rule does not hide those of the next. */
import { z } from 'zod';
import {
  labels,
  name,
  object,
  prefix,
  someOf,
  text,
  textOrNumber,
  whole,
  word,
  yesOrNo,
} from './fields.js';
import { spiffePattern } from '../identity/spiffe-id.js';
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
const identityForm = 'a SPIFFE ID such as spiffe://edge.example/nsc/*, or a list of them';
const identity = text(identityForm, (value) => {
  try {
    return spiffePattern(value).text;
  } catch {
    return undefined;
  }
});
const prefixes = someOf('a list of prefixes such as [10.60.0.0/16, "fd00:60::/32"]', prefix);
const ports = someOf('a list of ports such as ["873", "8000-8999"]', port);

const atLeastOne = (value: object): boolean =>
  Object.values(value).some((one: unknown) => one !== undefined);

const classLinks = object('links such as {class: low-latency} or {name: fibre, weight: 25}', {
  name: word.optional().describe('The link of this name'),
  class: word.optional().describe('Links of this class; with `name` both must fit'),
  weight: whole('a weight: a whole number from 1 to 10000', 1, 10_000)
    .default(1)
    .describe("Its share of the class's sessions"),
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
  rttMs: ms.optional().describe('Round-trip time of its probes, at most'),
  jitterMs: ms
    .optional()
    .describe(
      'Jitter, at most: how much the round-trip times of two successive probes differ, on average',
    ),
  lossPercent: percent
    .optional()
    .describe('Probes without an answer in time, at most; both directions together'),
}).refine(atLeastOne, { error: 'at least one of rttMs, jitterMs and lossPercent' });

/** One of `spec.classes`, without its name. */
export const policyClass = object('a class such as {links: [{class: low-latency}]}', {
  links: someOf('a list such as [{class: low-latency}]', classLinks)
    .optional()
    .describe(
      "Its own links; where not given, those of the class's name. The first entry that fits a link counts",
    ),
  sla: sla
    .optional()
    .describe(
      'What a strand must keep to be used by this class, as far as another one does ([quality.md](quality.md#sla))',
    ),
  fallback: z
    .array(word, { error: 'a list of classes such as [best-effort]' })
    .max(mostFallbacks, { error: `at most ${String(mostFallbacks)} classes` })
    .default([])
    .describe(
      'Classes whose links are used, in this order, while none of its own is usable. At most four',
    ),
  strict: yesOrNo.default(false).describe('`true`: drop, and count, rather than use another link'),
});

const match = object('a mapping such as {dscp: [ef]}', {
  dscp: someOf('a list such as [ef]', dscp)
    .default([])
    .describe(
      "The packet's own DSCP: `ef`, `af11` to `af43`, `cs0` to `cs7`, `be`, `le`, `va`, 0 to 63. A session whose DSCP changes keeps its class",
    ),
  protocol: z
    .union([z.string(), z.number(), z.array(z.union([z.string(), z.number()]))], {
      error: 'a protocol such as tcp, or a list of them',
    })
    .transform((one) => (Array.isArray(one) ? one : [one]))
    .pipe(someOf('a protocol such as tcp, or a list of them', protocol))
    .default([])
    .describe(
      'The IP protocol: `tcp`, `udp`, `icmp`, `icmpv6`, `sctp`, `gre`, `esp`, ..., 0 to 255',
    ),
  sourcePorts: ports
    .default([])
    .describe(
      'Ports of TCP, UDP, SCTP, DCCP and UDP-Lite; without `protocol` of any of them. What has no ports does not fit',
    ),
  destinationPorts: ports.default([]).describe('As `sourcePorts`'),
  sources: prefixes
    .default([])
    .describe(
      'Addresses of both families may be mixed; a packet of a family that is not listed does not fit',
    ),
  destinations: prefixes.default([]).describe('As `sources`'),
  clientLabels: labels('labels such as {app: sensor}')
    .default({})
    .describe("Labels of the client's Request: all of them"),
  identity: z
    .union([z.string(), z.array(z.string())], { error: identityForm })
    .transform((one) => (Array.isArray(one) ? one : [one]))
    .pipe(someOf(identityForm, identity))
    .default([])
    .describe(
      'The SPIFFE ID of the client, as certificates and tokens prove it: one of these. `*` stands for any characters but a slash, `/**` at the end for everything beneath. What has no identity (WANWIRE_INSECURE) does not fit',
    ),
  http: http.optional().describe('Requests, which an Envoy looks at; alone in its rule'),
});

/** One of `spec.rules`. */
export const rule = object('a rule such as {name: voice, match: {dscp: [ef]}, class: bulk}', {
  name: name.describe('Its name, in tables and counters; each once'),
  match: match.describe('What a session must be to fit: all criteria that are given, at least one'),
  class: word.describe('The class of what fits: one of the policy or of a link'),
  mark: object('a mapping such as {dscp: cs1}', {
    dscp: dscp.describe('As in `match`, but one'),
  })
    .optional()
    .describe(
      "DSCP of the outer packets; without it they have the inner ones'. Of an http rule: what Envoy sets",
    ),
});

/** `spec`, with classes and rules not yet looked at. */
export const policySpec = object('a mapping with services, classes, rules and default', {
  services: someOf('a list of services such as [wan]', name).describe(
    'The network services that it is for, without the site',
  ),
  classes: z
    .record(z.string(), z.unknown(), {
      error: 'a mapping such as {bulk: {links: [{class: bulk}]}}',
    })
    .default({})
    .describe(
      'Which links sessions of a class use, by its name. One that is not listed means the links of that class',
    ),
  rules: z
    .array(z.unknown(), { error: 'a list of rules' })
    .default([])
    .describe('In order: the first that fits counts'),
  default: word.describe('The class of what fits no rule'),
});

/** What {@link rule} makes of its text. */
export type RuleText = z.infer<typeof rule>;
/** What {@link policyClass} makes of its text. */
export type ClassText = z.infer<typeof policyClass>;
