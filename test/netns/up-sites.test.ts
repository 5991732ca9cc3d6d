// SPDX-License-Identifier: Apache-2.0
/** Two sites by `wanwire up`: endpoints chosen by labels, addresses that nobody gets twice, a site that starts anew. */
import t, { type Test } from 'tap';
import { systemClock as clock } from '../../api/chain/clock.js';
import { ipOf } from '../../api/chain/connection.js';
import { MonitorConnectionService, MonitorScopeSelector } from '../../api/gen/connection.js';
import type { Connection } from '../../api/gen/connection.js';
import { channels } from '../../api/grpc/dial.js';
import { silentLogger } from '../../api/log/log.js';
import { pings } from '../stage/load.js';
import { cloudSite, Sites, type SiteName, type SitesOptions } from '../stage/sites.js';
import { until } from '../stage/up.js';

t.setTimeout(300_000);

const server = '10.60.0.10';

async function sitesOf(t: Test, options: SitesOptions = {}): Promise<Sites> {
  const sites = await Sites.open(options);
  t.teardown(() => sites[Symbol.asyncDispose]());
  return sites;
}

/** The wires that a site's manager knows now. */
async function wiresAt(sites: Sites, site: SiteName): Promise<readonly Connection[]> {
  using security = await sites.security(site);
  using peers = channels({ security, dialTimeoutMs: 5_000, log: silentLogger(), clock });
  using channel = peers.acquire(`unix://${sites.directory(site)}/nsm.io.sock`);
  const stop = new AbortController();
  const { signal } = stop;
  const method = MonitorConnectionService.monitorConnections;
  try {
    for await (const event of channel.stream(method, MonitorScopeSelector.create(), { signal })) {
      return Object.values(event.connections);
    }
  } finally {
    stop.abort();
  }
  return [];
}

/** The wire of a client. */
async function wireOf(sites: Sites, client: string): Promise<Connection> {
  const wires = await wiresAt(sites, 'edge');
  const wire = wires.find(({ path }) => path?.pathSegments[0]?.name === client);
  if (wire === undefined) throw new Error(`${client} has no wire`);
  return wire;
}

/** Children of a process by subcommand. */
async function childrenOf(sites: Sites, site: SiteName): Promise<Record<string, number>> {
  const { pid } = sites.world.player(site);
  const said = await sites.world.player(site).run('ps', '-o', 'pid=,args=', '--ppid', String(pid));
  const rows = said
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  return Object.fromEntries(rows.map((row) => [row.at(-1) ?? '', Number(row[0])]));
}

const choosing = `---
apiVersion: networkservicemesh.io/v1
kind: NetworkService
metadata: {name: wan}
spec:
  payload: IP
  matches:
    - {source_selector: {app: sip}, routes: [{destination_selector: {link: wan1}}]}
    - {source_selector: {app: erp}, routes: [{destination_selector: {class: low-latency}}]}
    - {routes: [{destination_selector: {site: cloud, link: wan0}}]}
`;

t.test(
  'a document of the other site chooses the endpoint, by the labels of its links',
  async (t) => {
    const sites = await sitesOf(t, { cloud: cloudSite() + choosing });
    const wanted: Readonly<Record<string, string>> = {
      'kernel://wan@cloud/nsm-1?app=sip': 'cloud-wan-wan1@cloud',
      'kernel://wan@cloud/nsm-2?app=erp': 'cloud-wan-wan0@cloud',
      'kernel://wan@cloud/nsm-3': 'cloud-wan-wan0@cloud',
      'kernel://wan-low-latency@cloud/nsm-4': 'cloud-wan-low-latency-wan0@cloud',
      'kernel://wan-best-effort@cloud/nsm-5': 'cloud-wan-best-effort-wan1@cloud',
    };
    for (const [at, [service, endpoint]] of Object.entries(wanted).entries()) {
      const client = `client-${String(at)}`;
      await sites.client(service, client);
      t.equal((await wireOf(sites, client)).networkServiceEndpointName, endpoint, service);
    }
  },
);

t.test('two sites as they are by default', async (t) => {
  const sites = await sitesOf(t);
  await sites.client('kernel://wan@cloud/nsm-1', 'one');

  await t.test('a site that ends in order and starts anew loses no packet', async (t) => {
    for (const site of ['cloud', 'edge'] as const) {
      await pings(sites.pod, server, { count: 2 });
      const before = await wireOf(sites, 'one');
      const interfaceBefore = await sites.pod.exec('ip', '-json', 'link', 'show', 'nsm-1');
      const load = pings(sites.pod, server, { count: 1_000 });
      t.equal(await sites.world.player(site).end('SIGTERM'), 0);
      await sites.up(site);
      t.strictSame(await load, { sent: 1_000, received: 1_000 }, site);
      t.equal(await sites.pod.exec('ip', '-json', 'link', 'show', 'nsm-1'), interfaceBefore);
      await until(
        'the wire at the edge again',
        async () => (await wiresAt(sites, 'edge')).length > 0,
      );
      const after = await wireOf(sites, 'one');
      t.strictSame(ipOf(after).srcIpAddrs, ipOf(before).srcIpAddrs);
    }
  });

  await t.test(
    'routes that change in the file of the cloud reach a wire that stands',
    async (t) => {
      const routes = (): Promise<string> => sites.pod.exec('ip', 'route', 'show', 'dev', 'nsm-1');
      const before = await sites.pod.exec('ip', '-json', 'link', 'show', 'nsm-1');
      const addresses = ipOf(await wireOf(sites, 'one')).srcIpAddrs;
      const other = cloudSite().replace('"10.60.0.0/24"', '"10.61.0.0/24"');
      for (const [file, there, gone] of [
        [other, '10.61.0.0/24', '10.60.0.0/24'],
        [cloudSite(), '10.60.0.0/24', '10.61.0.0/24'],
      ] as const) {
        await sites.write('cloud', file);
        await until(`a route to ${there}`, async () => (await routes()).includes(there));
        t.notMatch(await routes(), gone);
      }
      t.equal(await sites.pod.exec('ip', '-json', 'link', 'show', 'nsm-1'), before);
      t.strictSame(ipOf(await wireOf(sites, 'one')).srcIpAddrs, addresses);
    },
  );

  await t.test("the cloud's endpoint killed: nobody gets an address that is in use", async (t) => {
    // What is behind the cloud both wires have a route to; this only the first.
    const [far = ''] = ipOf(await wireOf(sites, 'one')).dstIpAddrs;
    const load = pings(sites.pod, far.replace(/\/.*/, ''), { count: 1_000 });
    const before = (await childrenOf(sites, 'cloud'))['nse'] ?? 0;
    process.kill(before, 'SIGKILL');
    await until('another endpoint', async () => {
      const now = (await childrenOf(sites, 'cloud'))['nse'];
      return now !== undefined && now !== before;
    });
    await sites.client('kernel://wan@cloud/nsm-2', 'two');
    const [one, two] = [await wireOf(sites, 'one'), await wireOf(sites, 'two')].map(ipOf);
    t.strictSame(
      one?.srcIpAddrs.filter((address) => two?.srcIpAddrs.includes(address)),
      [],
    );
    t.strictSame(await load, { sent: 1_000, received: 1_000 });
  });
});
