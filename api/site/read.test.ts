// SPDX-License-Identifier: Apache-2.0
/** What right files mean, with all defaults. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { servicesOf } from './classes.js';
import { parsePolicies } from './policy.js';
import { readSiteFiles } from './read.js';
import type { SiteFiles } from './types.js';

const site = `apiVersion: wanwire.io/v1alpha1
kind: Site
metadata: {name: edge-1}
spec:
  trustDomain: edge-1.example
  links:
    - {name: fibre, device: wan0, class: low-latency, rateMbps: 100, billing: flat, trusted: true}
    - {name: lte,   device: wan1, class: best-effort, rateMbps: 30, billing: metered, capGB: 50, profile: lte, quality: {detectionMs: 400}, trusted: true}
  peers:
    - {site: cloud, control: ["203.0.113.10:5001", "198.51.100.10:5001"], trustBundle: cloud.pem}
`;
const policy = `apiVersion: wanwire.io/v1alpha1
kind: SteeringPolicy
metadata: {name: default}
spec:
  services: [wan]
  classes:
    low-latency: {links: [{class: low-latency}], sla: {rttMs: 80, jitterMs: 20, lossPercent: 1}, fallback: [best-effort]}
    bulk:        {links: [{name: fibre, weight: 25}, {name: lte, weight: 75}]}
  rules:
    - {name: voice,  match: {dscp: [ef]}, class: low-latency}
    - {name: backup, match: {protocol: tcp, destinationPorts: ["873"], destinations: ["10.60.0.0/16"]}, class: bulk}
    - {name: boss,   match: {http: {headers: {user: boss}}}, class: low-latency}
    - {name: pods,   match: {clientLabels: {app: sensor}}, class: bulk, mark: {dscp: cs1}}
  default: best-effort
`;
const networkService = `apiVersion: networkservicemesh.io/v1
kind: NetworkService
metadata: {name: wan, namespace: nsm-system, labels: {a: b}}
spec:
  payload: IP
  matches:
    - source_selector: {app: sip}
      routes: [{destination_selector: {link: fibre}, weight: 3}, {destination_selector: {link: lte}}]
      fallthrough: true
    - {metadata: {labels: {p2p: "true"}}}
`;

async function read(t: Test, ...texts: string[]): Promise<SiteFiles> {
  const folder = await mkdtemp(join(tmpdir(), 'ww-site-'));
  t.teardown(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'cloud.pem'), '');
  const paths = texts.map((_, at) => join(folder, `${String(at)}.yaml`));
  for (const [at, path] of paths.entries()) await writeFile(path, texts[at] ?? '');
  return readSiteFiles(paths);
}

t.test('the design’s site and policy, in one file', async (t) => {
  const files = await read(t, [site, policy, networkService].join('---\n'));
  t.strictSame(files.site.links[1], {
    name: 'lte',
    device: 'wan1',
    addresses: [],
    gateways: [],
    network: 'internet',
    class: 'best-effort',
    rateMbps: 30,
    billing: 'metered',
    capGB: 50,
    profile: 'lte',
    quality: {
      intervalMs: undefined,
      detectionMs: 400,
      holdDownMs: undefined,
      returnPerSecond: undefined,
    },
    mtu: undefined,
    trusted: true,
  });
  t.match(files.site.peers[0]?.trustBundle, /^\/.*\/cloud\.pem$/, 'wherever it is read');
  t.strictSame(
    { ...files.site, links: files.site.links.length },
    {
      name: 'edge-1',
      trustDomain: 'edge-1.example',
      control: [],
      links: 2,
      peers: [
        {
          site: 'cloud',
          control: ['203.0.113.10:5001', '198.51.100.10:5001'],
          trustDomain: undefined,
          trustBundle: files.site.peers[0]?.trustBundle,
        },
      ],
      identities: [],
      gateway: undefined,
      vxlanPort: 4790,
    },
  );
  t.strictSame(files.networkServices, [
    {
      name: 'wan',
      payload: 'IP',
      matches: [
        {
          sourceSelector: { app: 'sip' },
          routes: [
            { destinationSelector: { link: 'fibre' }, weight: 3 },
            { destinationSelector: { link: 'lte' }, weight: 1 },
          ],
          fallthrough: true,
        },
        {
          sourceSelector: {},
          routes: [],
          fallthrough: false,
          metadata: { labels: { p2p: 'true' } },
        },
      ],
    },
  ]);
  t.strictSame(files.policies, parsePolicies(policy, 'policy.yaml'), 'the same without a site');
});

t.test('a policy', (t) => {
  const [read] = parsePolicies(policy, 'policy.yaml');
  const match = {
    dscp: [],
    protocols: [],
    sourcePorts: [],
    destinationPorts: [],
    sources: [],
    destinations: [],
    clientLabels: {},
    identities: [],
  };
  t.strictSame(read, {
    name: 'default',
    services: ['wan'],
    classes: [
      {
        name: 'low-latency',
        links: [{ name: undefined, class: 'low-latency', weight: 1 }],
        sla: { rttMs: 80, jitterMs: 20, lossPercent: 1 },
        fallback: ['best-effort'],
        strict: false,
      },
      {
        name: 'bulk',
        links: [
          { name: 'fibre', class: undefined, weight: 25 },
          { name: 'lte', class: undefined, weight: 75 },
        ],
        sla: undefined,
        fallback: [],
        strict: false,
      },
    ],
    rules: [
      { name: 'voice', match: { ...match, dscp: [46] }, class: 'low-latency', mark: undefined },
      {
        name: 'backup',
        match: {
          ...match,
          protocols: [6],
          destinationPorts: [{ from: 873, to: 873 }],
          destinations: ['10.60.0.0/16'],
        },
        class: 'bulk',
        mark: undefined,
      },
      {
        name: 'pods',
        match: { ...match, clientLabels: { app: 'sensor' } },
        class: 'bulk',
        mark: 8,
      },
    ],
    httpRules: [
      {
        name: 'boss',
        match: { headers: { user: { exact: 'boss' } }, methods: [], hosts: [] },
        class: 'low-latency',
        mark: undefined,
      },
    ],
    default: 'best-effort',
  });
  t.end();
});

t.test('values in their usual spelling', async (t) => {
  const { site: found, policies } = await read(
    t,
    `apiVersion: wanwire.io/v1alpha1
kind: Site
metadata: {name: cloud}
spec:
  control: ["0.0.0.0:5001", "[::0]:5001"]
  vxlanPort: 4791
  gateway: {prefixes: [172.16.0.0/16, ["FD00:0::/64"]], routes: [10.60.0.1, "::/0"], nat: true}
  links:
    - {name: a, device: eth0.7, trusted: true, mtu: 1400, network: mpls,
       addresses: [192.0.2.1, "2001:DB8:0::1"], gateways: ["FE80::1", 192.0.2.2]}
  peers: [{site: edge, control: ["Edge.example:5001", "[2001:DB8::2]:05001"]}]
`,
    `apiVersion: wanwire.io/v1alpha1
kind: SteeringPolicy
metadata: {name: p}
spec:
  services: [wan]
  classes: {plain: {}}
  rules:
    - {name: all, class: plain, mark: {dscp: 63}, match: {
        dscp: [EF, be, 1, af43, cs7], protocol: [udp, 132, 6], sourcePorts: [53, "8000-8999", "0-65535"],
        sources: [10.0.0.1, "FD00::/8", "::ffff:0:0:0/96"], clientLabels: {"app.kubernetes.io/name": ""}}}
  default: best-effort
`,
  );
  t.match(found, {
    trustDomain: 'cloud',
    control: ['0.0.0.0:5001', '[::]:5001'],
    vxlanPort: 4791,
    gateway: {
      prefixes: [['172.16.0.0/16'], ['fd00::/64']],
      routes: ['10.60.0.1/32', '::/0'],
      nat: true,
    },
    links: [
      {
        class: 'best-effort',
        billing: 'flat',
        network: 'mpls',
        addresses: ['192.0.2.1', '2001:db8::1'],
        gateways: ['fe80::1', '192.0.2.2'],
        mtu: 1400,
      },
    ],
    peers: [{ control: ['edge.example:5001', '[2001:db8::2]:5001'], trustBundle: undefined }],
  });
  t.match(policies[0]?.classes, [{ name: 'plain', links: [{ class: 'plain', weight: 1 }] }]);
  t.match(policies[0]?.rules[0], {
    mark: 63,
    match: {
      dscp: [46, 0, 1, 38, 56],
      protocols: [17, 132, 6],
      sourcePorts: [
        { from: 53, to: 53 },
        { from: 8000, to: 8999 },
        { from: 0, to: 65535 },
      ],
      sources: ['10.0.0.1/32', 'fd00::/8', '::ffff:0:0:0/96'],
    },
  });
});

t.test('values used again by an alias', async (t) => {
  const { policies } = await read(
    t,
    site,
    policy
      .replace('sla: {rttMs: 80, jitterMs: 20, lossPercent: 1}', 'sla: &sla {rttMs: 80}')
      .replace('weight: 75}]', 'weight: 75}], sla: *sla'),
  );
  t.strictSame(policies[0]?.classes[0]?.sla, policies[0]?.classes[1]?.sla);
});

t.test('services: those of the policies, and one for each class', async (t) => {
  const names = (files: SiteFiles) =>
    servicesOf(files).map((one) => `${one.service}: ${one.policy.default}`);
  const files = await read(t, site, policy);
  t.strictSame(names(files), [
    'wan: best-effort',
    'wan-low-latency: low-latency',
    'wan-bulk: bulk',
    'wan-best-effort: best-effort',
  ]);
  const [wan, low] = servicesOf(files);
  t.equal(wan?.policy.rules.length, 3);
  t.strictSame([low?.policy.rules, low?.policy.httpRules], [[], []], 'nothing but its class');
  t.strictSame(low?.policy.classes, files.policies[0]?.classes, 'with its fallback');

  const bare = await read(t, site);
  t.strictSame(names(bare), [
    'wan: any',
    'wan-low-latency: low-latency',
    'wan-best-effort: best-effort',
  ]);
  t.strictSame(servicesOf(bare)[0]?.policy.classes[0]?.links, [
    { name: undefined, class: undefined, weight: 1 },
  ]);
});
