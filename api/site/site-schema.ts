// SPDX-License-Identifier: Apache-2.0
/** `kind: Site` piece by piece, so that a mistake in one link does not hide those of the next. */
import { z } from 'zod';
import { hostAddress, hostPort } from './addresses.js';
import { linkProfiles } from './types.js';
import {
  device,
  labels,
  name,
  object,
  prefix,
  someOf,
  text,
  whole,
  word,
  yesOrNo,
} from './fields.js';

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

const linkQuality = object('a mapping such as {intervalMs: 50, detectionMs: 300}', {
  intervalMs: whole('a whole number of milliseconds from 10 to 60000', 10, 60_000)
    .optional()
    .describe('How often each strand is probed'),
  detectionMs: whole('a whole number of milliseconds from 20 to 600000', 20, 600_000)
    .optional()
    .describe(
      'Down when nothing was answered for so long, plus the time that an answer usually takes; at least twice `intervalMs`',
    ),
  holdDownMs: whole('a whole number of milliseconds from 0 to 3600000', 0, 3_600_000)
    .optional()
    .describe(
      'How long a strand that was down or degraded must be good before it is used again; doubled when it relapses within 10 minutes',
    ),
  returnPerSecond: whole('a whole number of sessions a second from 0 to 1000000', 0, 1_000_000)
    .optional()
    .describe(
      'How many sessions a second come back to a strand that is used again; 0: all at once',
    ),
});

/** One of `spec.links`. */
export const link = object('a link such as {name: fibre, device: wan0, trusted: true}', {
  name: word.describe('Its name, in policies and tables'),
  device: device.describe('Network device. It need not be there yet'),
  addresses: someOf('a list such as [192.0.2.10, "2001:db8::10"]', ownAddress)
    .optional()
    .describe("At most one of each family; where not given, the device's first global ones"),
  gateways: someOf('a list such as [192.0.2.1, "fe80::1"]', nextHop)
    .optional()
    .describe(
      "Next hops, at most one of each family; where not given, those of the device's default routes",
    ),
  network: word
    .default('internet')
    .describe('What it is attached to. Links of one network reach each other'),
  class: word
    .default('best-effort')
    .describe('What it is good for: `low-latency`, `bulk`, `best-effort` or a word of your own'),
  rateMbps: z
    .number({ error: 'a number of Mbit/s, more than 0' })
    .positive({ error: 'a number of Mbit/s, more than 0' })
    .optional()
    .describe('What it is said to carry'),
  billing: z
    .enum(['flat', 'metered'], { error: 'flat or metered' })
    .default('flat')
    .describe(
      'A label of what the endpoint registers; a metered link is probed less while it is idle',
    ),
  capGB: z
    .number({ error: 'a number of GB (10^9 bytes) a month, more than 0' })
    .positive({ error: 'a number of GB (10^9 bytes) a month, more than 0' })
    .optional()
    .describe('Of a metered link: what a month includes; `wanwire links` shows what is used of it'),
  profile: z
    .enum(linkProfiles, { error: linkProfiles.join(', ').replace(/, (?=\w+$)/, ' or ') })
    .default('fixed')
    .describe('What the line is like: how it is measured ([quality.md](quality.md#profiles))'),
  quality: linkQuality.optional().describe("What of the profile's numbers is different here"),
  mtu: whole('an MTU: a whole number from 1280 to 65535', 1280, 65535)
    .optional()
    .describe("Where not given, the device's"),
  trusted: z
    .literal(true, { error: encryptionIsLater })
    .describe('Nobody reads along on this link'),
});

const trustDomain = text(
  'a trust domain: at most 255 small letters, digits, dots, dashes and underscores',
  (value) => (/^[a-z0-9._-]{1,255}$/.test(value) ? value : undefined),
);

const path = text('the name of a file', (value) =>
  value !== '' && !value.includes('\0') ? value : undefined,
);

/** One of `spec.peers`. */
export const peer = object('a peer such as {site: cloud, control: ["203.0.113.10:5001"]}', {
  site: name.describe("The other site's name"),
  control: someOf(
    'a list such as ["203.0.113.10:5001"]',
    text('host:port such as 203.0.113.10:5001, "[2001:db8::1]:5001" or cloud.example:5001', (at) =>
      hostPort(at, 'names'),
    ),
  ).describe('Where its manager listens, tried in turn'),
  trustBundle: path
    .optional()
    .describe(
      "File with the other site's trust bundle (SPIFFE bundle JSON or PEM), relative to this file; read again when it changes. `wanwire trust import` is the other way",
    ),
  trustDomain: trustDomain
    .optional()
    .describe(
      "The other site's SPIFFE trust domain; where not given, the one that its bundle names",
    ),
});

const number = (what: string) => {
  const want = `${what}: a whole number from 0 to 4294967294`;
  return whole(want, 0, 4_294_967_294);
};
const absolute = (want: string) =>
  text(want, (value) =>
    /^\/[^\0\n]{0,4095}$/.test(value) && !/\/\.{0,2}(\/|$)/.test(value.replace(/^\/$/, ''))
      ? value
      : undefined,
  );

/** One of `spec.identities`. */
export const identity = object('a rule such as {id: /phone, uid: 1000}', {
  id: text(
    'the path of a SPIFFE ID, such as /phone: letters, digits, dots, dashes and underscores between slashes',
    (value) =>
      /^(\/[A-Za-z0-9._-]+)+$/.test(value) && !/\/\.{1,2}(\/|$)/.test(value) && value.length <= 1024
        ? value
        : undefined,
  ).describe('Path of the SPIFFE ID that it gets: `/phone` is `spiffe://TRUST-DOMAIN/phone`'),
  uid: number('a user').optional().describe('Its user'),
  gid: number('a group').optional().describe('Its primary group'),
  executable: absolute('the absolute path of a program, such as /usr/bin/node')
    .optional()
    .describe('Its program, as `readlink /proc/PID/exe` tells it'),
  cgroup: absolute('a cgroup such as /system.slice/phone.service')
    .optional()
    .describe('Its cgroup, as /proc/PID/cgroup tells it, or one above that'),
});

const group = z
  .union([z.string().transform((one) => [one]), z.array(z.string())], {
    error: 'a list of prefixes such as [172.16.0.0/16]',
  })
  .pipe(someOf('a list of prefixes such as [172.16.0.0/16]', prefix));

/** `spec.gateway`. */
export const gateway = object('a mapping such as {prefixes: [[172.16.0.0/16]]}', {
  prefixes: someOf('groups of prefixes such as [[172.16.0.0/16], ["fd00::/64"]]', group).describe(
    'Addresses of wires: each client gets one pair of each group; a bare prefix is a group of its own',
  ),
  routes: z
    .array(prefix, { error: 'a list of prefixes such as [10.60.0.0/16]' })
    .default([])
    .describe('What clients reach through it'),
  nat: yesOrNo.default(false).describe("`true`: clients appear with this node's address"),
});

const lists = {
  links: z
    .array(z.unknown(), {
      error: 'a list of links such as [{name: fibre, device: wan0, trusted: true}]',
    })
    .describe('The WAN uplinks of this node; at least one'),
  peers: z
    .array(z.unknown(), {
      error: 'a list of peers such as [{site: cloud, control: ["203.0.113.10:5001"]}]',
    })
    .default([])
    .describe('Other sites'),
  identities: z
    .array(z.unknown(), { error: 'a list of rules such as [{id: /phone, uid: 1000}]' })
    .default([])
    .describe(
      "Which process gets which SPIFFE ID from this site's own authority; the first rule that fits counts. After them: whoever runs as the manager's user gets `/wanwire`",
    ),
};

/** `spec`, with the lists' items not yet looked at. */
export const siteSpec = object('a mapping with links and peers', {
  ...lists,
  trustDomain: trustDomain
    .optional()
    .describe("SPIFFE trust domain of the site's identities; where not given, the site's name"),
  control: z
    .array(
      text('address:port of this node, such as 0.0.0.0:5001 or "[::]:5001"', (at) =>
        hostPort(at, 'addresses'),
      ),
      { error: 'a list such as ["0.0.0.0:5001"]' },
    )
    .default([])
    .describe("Where this site's manager listens for other sites; nowhere where not given"),
  gateway: gateway
    .optional()
    .describe("What the site's endpoint gives to those who ask for its services"),
  nodeSelector: labels('labels of nodes such as {kubernetes.io/hostname: edge-1}')
    .default({})
    .describe(
      'In Kubernetes: the nodes that are this site, by their labels; every node where not given. The oldest Site that names a node counts. In a file it has no effect',
    ),
  vxlanPort: whole('a UDP port: a whole number from 1 to 65535', 1, 65535)
    .default(4790)
    .describe(
      'UDP port of tunnels. 4789 is that of ordinary VXLAN devices, and one port cannot be shared with them',
    ),
});

/** What {@link identity} makes of its text. */
export type IdentityText = z.infer<typeof identity>;
/** What {@link link} makes of its text. */
export type LinkText = z.infer<typeof link>;
/** What {@link peer} makes of its text. */
export type PeerText = z.infer<typeof peer>;
