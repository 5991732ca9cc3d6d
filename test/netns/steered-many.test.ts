// SPDX-License-Identifier: Apache-2.0
/** A hundred steered wires at once, and what comes to the node that is no wire's. */
import t from 'tap';
import { stat } from 'node:fs/promises';
import { ipOf } from '../../api/chain/connection.js';
import type { Connection } from '../../api/gen/connection.js';
import { channels } from '../../api/grpc/dial.js';
import { silentLogger } from '../../api/log/log.js';
import { BpfMap } from '../../bpf/loader/map.js';
import { Caller } from '../stage/caller.js';
import { pings } from '../stage/load.js';
import { Sites, type SiteName } from '../stage/sites.js';
import { server, statusOf } from '../stage/steered.js';
import { until } from '../stage/up.js';

const many = 100;
const both = ['edge', 'cloud'] as const;

let sites: Sites;
let caller: Caller;
t.before(async () => {
  sites = await Sites.open();
  const security = await sites.security('edge');
  const peers = channels({ security, dialTimeoutMs: 20_000, log: silentLogger() });
  // A namespace is found by its processes.
  const inPod = sites.pod.spawn('sleep', ['600'], { stdio: 'ignore' });
  t.teardown(async () => {
    inPod.kill('SIGKILL');
    peers[Symbol.dispose]();
    security[Symbol.dispose]();
    await sites[Symbol.asyncDispose]();
  });
  caller = new Caller(peers.acquire(`unix://${sites.directory('edge')}/nsm.io.sock`));
});

async function ask(n: number): Promise<Connection> {
  const { dev, ino } = await stat(sites.pod.path);
  return caller.ask(
    {
      id: `many-${String(n)}`,
      service: 'wan@cloud',
      interfaceName: `w${String(n)}`,
      inodeUrl: `inode://${String(dev)}/${String(ino)}`,
    },
    50_000,
  );
}

/** How many entries a map of a site has. */
function entries(site: SiteName, map: string): number {
  using opened = BpfMap.open(`${sites.pins(site)}/maps/${map}`);
  return opened.keys().length;
}

/** Names of our interfaces in a site's node. */
async function hostEnds(site: SiteName): Promise<readonly string[]> {
  const links = JSON.parse(await sites.lab.node(site).exec('ip', '-j', 'link')) as Link[];
  return links.flatMap(({ ifname, ifalias = '' }) =>
    ifalias.startsWith('wanwire:') && !ifname.startsWith('wwvxlan') ? [ifname] : [],
  );
}

interface Link {
  readonly ifname: string;
  readonly ifalias?: string;
}

/** What carries a session from that wire's own address. */
async function reaches(wire: Connection, count = 2): Promise<number> {
  const [own = ''] = ipOf(wire).srcIpAddrs;
  const [address = ''] = own.split('/');
  const said = await sites.pod
    .exec('ping', '-n', '-q', '-i', '0.05', '-c', String(count), '-W', '5', '-I', address, server)
    .catch((reason: unknown) => (reason as { stdout?: string }).stdout ?? '');
  return Number(/(\d+) received/.exec(said)?.[1] ?? NaN);
}

/** Let packets from the wire's own address go by it. */
async function routed(wire: Connection, n: number): Promise<void> {
  const { srcIpAddrs, dstIpAddrs } = ipOf(wire);
  const [own = '', far = ''] = [...srcIpAddrs, ...dstIpAddrs]
    .filter((one) => !one.includes(':'))
    .map((one) => one.split('/')[0] ?? '');
  const table = ['table', String(1_000 + n)];
  const way = ['default', 'via', far, 'dev', `w${String(n)}`, 'onlink'];
  await sites.pod.exec('ip', 'route', 'replace', ...way, ...table);
  await sites.pod.exec('ip', 'rule', 'add', 'from', own, ...table, 'priority', '100');
}

t.test('a hundred wires, set up and closed at once', async (t) => {
  const wires = await Promise.all(Array.from({ length: many }, (_, n) => ask(n + 1)));
  t.equal(wires.length, many);
  for (const site of both) {
    const told = await statusOf(sites, site);
    t.equal(told.wires.length, many, `${site} steers them`);
    t.equal(new Set(told.wires.map(({ vni }) => vni)).size, many, 'each has a number of its own');
    t.equal(told.strands.length, 2, 'two strands carry them all');
    t.equal(entries(site, 'ports'), many);
    t.equal(entries(site, 'tunnels'), many);
  }
  for (const [n, wire] of wires.entries()) await routed(wire, n + 1);
  const received: number[] = [];
  for (let at = 0; at < wires.length; at += 10) {
    received.push(...(await Promise.all(wires.slice(at, at + 10).map((wire) => reaches(wire)))));
  }
  t.strictSame(
    received,
    wires.map(() => 2),
    'each reaches the server',
  );
  const carried = (await statusOf(sites, 'edge')).wires.filter(
    ({ counters }) => counters.rxPackets >= 2,
  );
  t.equal(carried.length, many, 'and each carried its own');

  await Promise.all(wires.map((wire) => caller.close(wire, 50_000)));
  t.notMatch(await sites.pod.exec('ip', '-br', 'link'), /^w\d/m, 'no interface is left');
  for (const site of both) {
    t.equal(entries(site, 'ports'), 0);
    t.equal(entries(site, 'tunnels'), 0);
    t.strictSame(await hostEnds(site), []);
    t.strictSame((await statusOf(sites, site)).wires, []);
  }
});

t.test('frames from where no strand ends are dropped and counted', async (t) => {
  const wire = await ask(200);
  t.teardown(() => caller.close(wire));
  const [before] = (await statusOf(sites, 'cloud')).wires;
  const vni = before?.vni ?? 0;
  t.ok(vni > 0);
  // The edge's node itself, from an address that no link of its site has.
  const edge = sites.lab.node('edge');
  await edge.exec('ip', 'address', 'add', '203.0.113.66/24', 'dev', 'wan0');
  t.teardown(() => edge.exec('ip', 'address', 'del', '203.0.113.66/24', 'dev', 'wan0'));
  const drops = async () => (await statusOf(sites, 'cloud')).drops['not-source'];
  const counted = await drops();
  const frame = spoofed(vni);
  const script = `const s=require('dgram').createSocket('udp4');
    s.bind(4999,'203.0.113.66',()=>{let n=0;const go=()=>n++<50?s.send(Buffer.from('${frame.toString('hex')}','hex'),4790,'203.0.113.10',go):s.close();go()})`;
  await edge.exec(process.execPath, '-e', script);
  await until('50 drops', async () => (await drops()) - counted >= 50, 10_000);
  t.equal((await drops()) - counted, 50);
  const [after] = (await statusOf(sites, 'cloud')).wires;
  // The wire is new: its own interface asks for routers meanwhile.
  const came = (after?.counters.rxPackets ?? NaN) - (before?.counters.rxPackets ?? NaN);
  t.ok(came < 25, `nothing of it reached the wire: ${String(came)} came`);
});

/** An Ethernet frame with an empty IPv4 packet, as VXLAN has it. */
function spoofed(vni: number): Buffer {
  const header = Buffer.from([8, 0, 0, 0, vni >> 16, (vni >> 8) & 255, vni & 255, 0]);
  const ethernet = Buffer.concat([Buffer.alloc(12, 2), Buffer.from([8, 0])]);
  const ip = Buffer.from('45000014000040004001000001020304ac100001', 'hex');
  return Buffer.concat([header, ethernet, ip]);
}

t.test('an ordinary VXLAN device beside ours goes on', async (t) => {
  const [edge, cloud] = [sites.lab.node('edge'), sites.lab.node('cloud')];
  const wire = await ask(300);
  t.teardown(() => caller.close(wire));
  for (const [place, own, other, last] of [
    [edge, '203.0.113.2', '203.0.113.10', '1'],
    [cloud, '203.0.113.10', '203.0.113.2', '2'],
  ] as const) {
    const kind = ['type', 'vxlan', 'id', '77', 'local', own, 'remote', other, 'dstport', '4789'];
    await place.exec('ip', 'link', 'add', 'vx77', ...kind);
    t.teardown(() => place.exec('ip', 'link', 'del', 'vx77'));
    await place.exec('ip', 'address', 'add', `192.168.77.${last}/24`, 'dev', 'vx77');
    await place.exec('ip', 'link', 'set', 'vx77', 'up');
  }
  t.strictSame(await pings(edge, '192.168.77.2', { count: 20 }), { sent: 20, received: 20 });
  await routed(wire, 300);
  t.equal(await reaches(wire, 5), 5);
});
