// SPDX-License-Identifier: Apache-2.0
/** What happens to links under a steered wire: gone, back, renumbered, unreachable, small; and large packets on it. */
import t, { type Test } from 'tap';
import { setTimeout as sleep } from 'node:timers/promises';
import { pings } from '../stage/load.js';
import { edgeSite, policy, Sites, type SiteName } from '../stage/sites.js';
import { ef, indexOf, refreshed, server, server6, statusOf, used, wan } from '../stage/steered.js';
import { transfer } from '../stage/transfer.js';
import { processesOf, until } from '../stage/up.js';
import { calm, trusted } from './calm.js';

const lifetime = { NSM_MAX_TOKEN_LIFETIME: '30s' };

let sites: Sites;
t.before(async () => {
  sites = await Sites.open({
    edge: edgeSite(policy('low-latency', 'best-effort', false), calm),
    env: lifetime,
  });
  t.teardown(() => sites[Symbol.asyncDispose]());
  await sites.client(wan, 'client', lifetime);
});

async function strandsOf(site: SiteName) {
  const { strands } = await statusOf(sites, site);
  return Object.fromEntries(
    strands.map(({ name, local, remote, down }) => [name, { local, remote, down }]),
  );
}

/** Wait until a strand of a site is as `fits` has it. */
function untilStrand(site: SiteName, name: string, fits: (one: Seen | undefined) => boolean) {
  return until(`${name} at ${site}`, async () => fits((await strandsOf(site))[name]));
}

type Seen = Awaited<ReturnType<typeof strandsOf>>[string];
const isUp = (one?: Seen): boolean => one?.down.length === 0;

async function reaches(t: Test, to: string, tos = 0, bytes = 56): Promise<void> {
  t.strictSame(
    await pings(sites.pod, to, { count: 20, tos, bytes }),
    { sent: 20, received: 20 },
    to,
  );
}

/** Hold which of the edge's links carries the unmarked sessions, once it is trusted after a failure. */
async function leavesBy(t: Test, link: 'fibre' | 'lte'): Promise<void> {
  await trusted(sites, 'edge', link === 'fibre' ? 'fibre-cloud/wan0' : 'lte-cloud/wan1');
  const [fibre, lte] = await used(sites, () =>
    pings(sites.pod, server, { count: 100, intervalMs: 2 }),
  );
  const [own, other] = link === 'fibre' ? [fibre, lte] : [lte, fibre];
  t.ok(own >= 90 && other < 50, `by ${link}: ${String([own, other])}`);
}

t.test('a link goes down under load, and sessions go on over the other', async (t) => {
  await pings(sites.pod, server, { count: 5 });
  const under = pings(sites.pod, server, { count: 300 });
  await sleep(1_000);
  await sites.lab.set('edge/wan1', { down: true });
  const { sent, received } = await under;
  // That nobody answers would be found a hundred packets later: the carrier told.
  t.ok(sent - received < 50, `${String(sent - received)} of ${String(sent)} lost`);
  await leavesBy(t, 'fibre');
  await sites.lab.set('edge/wan1', { up: true });
  await leavesBy(t, 'lte');
});

t.test('a link goes with its device, and comes back with it', async (t) => {
  const node = sites.lab.node('edge');
  const index = await indexOf(sites.pod, 'nsm-1');
  await node.exec('ip', 'link', 'set', 'wan1', 'netns', sites.pod.netns);
  await untilStrand('edge', 'lte-cloud/wan1', (one) => !isUp(one));
  await reaches(t, server);
  await reaches(t, server6);
  await sites.pod.exec('ip', 'link', 'set', 'wan1', 'netns', node.netns);
  await node.exec('ip', 'link', 'set', 'wan1', 'up');
  await node.exec('ip', 'address', 'add', '198.51.100.2/24', 'dev', 'wan1');
  await node.exec('ip', 'address', 'add', '2001:db8:b::2/64', 'dev', 'wan1', 'nodad');
  await untilStrand('edge', 'lte-cloud/wan1', isUp);
  await leavesBy(t, 'lte');
  t.equal(await indexOf(sites.pod, 'nsm-1'), index);
});

for (const [site, other, from, to] of [
  ['edge', 'cloud', '198.51.100.2', '198.51.100.33'],
  ['cloud', 'edge', '198.51.100.10', '198.51.100.44'],
] as const) {
  t.test(`an address of the ${site} changes, and the ${other} learns it`, async (t) => {
    const node = sites.lab.node(site);
    const strand = other === 'edge' ? 'lte-cloud/wan1' : 'wan1-edge/lte';
    const under = pings(sites.pod, server, { count: 300, tos: ef });
    await node.exec('ip', 'address', 'del', `${from}/24`, 'dev', 'wan1');
    await node.exec('ip', 'address', 'add', `${to}/24`, 'dev', 'wan1');
    await untilStrand(other, strand, (one) => one?.remote === to && isUp(one));
    t.strictSame(await under, { sent: 300, received: 300 }, 'the other link noticed nothing');
    await leavesBy(t, 'lte');
    await reaches(t, server);
    await node.exec('ip', 'address', 'del', `${to}/24`, 'dev', 'wan1');
    await node.exec('ip', 'address', 'add', `${from}/24`, 'dev', 'wan1');
    await untilStrand(other, strand, (one) => one?.remote === from && isUp(one));
    await reaches(t, server);
  });
}

t.test('the peer is away on one link, then on all, then back', async (t) => {
  await sites.lab.set('edge/wan1', { down: true });
  await leavesBy(t, 'fibre');
  await sites.lab.set('edge/wan0', { down: true });
  await untilStrand('edge', 'fibre-cloud/wan0', (one) => !isUp(one));
  t.equal((await pings(sites.pod, server, { count: 5 })).received, 0);
  const [wire] = (await statusOf(sites, 'edge')).wires;
  t.ok((wire?.drops['no-strand'] ?? 0) >= 5, 'dropped for want of a strand');
  await sites.lab.set('edge/wan0', { up: true });
  await sites.lab.set('edge/wan1', { up: true });
  await untilStrand('edge', 'fibre-cloud/wan0', isUp);
  await untilStrand('cloud', 'wan1-edge/lte', isUp);
  await reaches(t, server);
  await reaches(t, server6, ef);
  await leavesBy(t, 'lte');
});

t.test('a link with strict filtering of sources elsewhere', async (t) => {
  const node = sites.lab.node('cloud');
  await node.exec(
    'sysctl',
    '-qw',
    'net.ipv4.conf.all.rp_filter=1',
    'net.ipv4.conf.lan0.rp_filter=1',
  );
  await reaches(t, server);
  await reaches(t, server, ef);
  const edge = sites.lab.node('edge');
  await edge.exec('sysctl', '-qw', 'net.ipv4.conf.all.rp_filter=1');
  await reaches(t, server);
  await reaches(t, server, ef);
});

t.test('packets in fragments, and a full-speed transfer', async (t) => {
  await reaches(t, server, 0, 4000);
  // The server learns the wire's MTU by the loss of its first large answer: no router fragments IPv6.
  await pings(sites.pod, server6, { count: 1, bytes: 4000 });
  await reaches(t, server6, 0, 4000);
  await reaches(t, server, ef, 9000);
  const running = await transfer(sites.pod, sites.lab.place('cloud/server'), {
    address: server,
    kibPerSecond: 1 << 20,
  });
  const carried = async () => (await statusOf(sites, 'edge')).wires[0]?.counters.txBytes ?? 0;
  const before = await carried();
  await until('two MiB', async () => (await carried()) - before > 2 << 20);
  const { sent, checked, wrong, error } = await running.finish();
  await running[Symbol.asyncDispose]();
  t.strictSame({ checked, wrong, error }, { checked: sent, wrong: 0, error: '' });
  t.ok(sent > 1 << 20, `${String(sent >> 20)} MiB`);
});

t.test(
  'a small link makes the wire small; one that is too small is not used; a new forwarder knows',
  async (t) => {
    const mtu = async (): Promise<number> => (await statusOf(sites, 'edge')).wires[0]?.mtu ?? 0;
    t.equal(await mtu(), 1450);
    await sites.lab.set('edge/wan1', { mtu: 1400 });
    await until('a wire of MTU 1350', async () => (await mtu()) === 1350);
    t.match(await sites.pod.exec('ip', 'link', 'show', 'nsm-1'), 'mtu 1350');
    await reaches(t, server, 0, 1350 - 28);
    await reaches(t, server6, 0, 1350 - 48);
    const up = sites.world.player('edge');
    const { forwarder = 0 } = processesOf(up);
    process.kill(forwarder, 'SIGKILL');
    await until(
      'another forwarder',
      () => (processesOf(up)['forwarder'] ?? forwarder) !== forwarder,
    );
    await sites.lab.set('edge/wan1', { mtu: 1280 });
    await untilStrand('edge', 'lte-cloud/wan1', (one) => one?.down.join() === 'mtu');
    await leavesBy(t, 'fibre');
    await reaches(t, server6);
    await sites.lab.set('edge/wan1', { mtu: 1500 });
    await untilStrand('edge', 'lte-cloud/wan1', isUp);
    await refreshed(sites);
    await until('a wire of MTU 1450 again', async () => (await mtu()) === 1450);
    await leavesBy(t, 'lte');
  },
);
