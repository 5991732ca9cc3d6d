// SPDX-License-Identifier: Apache-2.0
/**
 * What a Request costs: our processes against a bare grpc-js chain of as many
 * hops that does the same netlink work and nothing else, A B A B in one run.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { pod } from '../../lab/roles.js';
import type { Player } from '../../lab/world.js';
import { descriptors, residentKib } from '../stage/processes.js';
import { Stage } from '../stage/stage.js';
import { bareChain } from './bare-chain.js';
import { churn, gather, scatter } from './crowd.js';
import { latency, type Latency } from './latency.js';
import { ask, type Side } from './side.js';
import type { Report } from './report.js';
import { roundTrips, tcpGbits } from './traffic.js';

const pairs = 5;
const crowdSize = 1_000;
const against = 'bare chain';

/** The benchmark. */
export async function request(report: Report): Promise<void> {
  // The bare chain has no identities; `request-spiffe.ts` tells what they cost.
  await using stage = await Stage.open({ all: { WANWIRE_INSECURE: 'true' } });
  const ours: Side = { caller: stage.caller('bench'), pod: stage.pod, podUrl: stage.podUrl };
  const bare = await bareChain(stage.world, stage.channels);
  for (const side of [ours, bare]) await latency(side, 50);

  const before = await inventory(stage);
  await latencies(report, ours, bare);
  await crowds(report, stage, ours, bare);
  await churns(report, ours, bare);
  await traffic(report, stage, ours);
  await leftovers(report, stage, before);
}

async function latencies(report: Report, ours: Side, bare: Side): Promise<void> {
  const own: Latency[] = [];
  const other: Latency[] = [];
  for (let run = 0; run < pairs; run++) {
    own.push(await latency(ours, 100));
    other.push(await latency(bare, 100));
  }
  for (const [figure, pick] of [
    ['request_p50_ms', (run: Latency) => run.p50],
    ['request_p99_ms', (run: Latency) => run.p99],
    ['refresh_p50_ms', (run: Latency) => run.refreshP50],
  ] as const) {
    report.add({ figure, unit: 'ms', ours: own.map(pick), theirs: other.map(pick), against });
  }
}

async function crowds(report: Report, stage: Stage, ours: Side, bare: Side): Promise<void> {
  const rates: number[] = [];
  const bareRates: number[] = [];
  let failed = 0;
  for (let run = 0; run < pairs; run++) {
    const forwarder = stage.world.player('forwarder');
    const manager = stage.world.player('manager');
    const empty = { kib: await residentKib(forwarder.pid), fds: await descriptors(forwarder.pid) };
    const crowd = await gather(ours, crowdSize);
    rates.push(crowd.rate);
    failed += crowd.failed;
    if (run === 0) {
      const kib = await residentKib(forwarder.pid);
      const single = (figure: string, unit: string, value: number): void => {
        report.add({ figure, unit, ours: [value] });
      };
      single('forwarder_kib_per_wire', 'KiB', (kib - empty.kib) / crowdSize);
      single('forwarder_rss_mib', 'MiB', kib / 1024);
      single('manager_rss_mib', 'MiB', (await residentKib(manager.pid)) / 1024);
      const fds = (await descriptors(forwarder.pid)) - empty.fds;
      single('fds_per_wire', 'descriptors', fds / crowdSize);
    }
    await scatter(ours, crowd.wires);
    const other = await gather(bare, crowdSize);
    bareRates.push(other.rate);
    await scatter(bare, other.wires);
  }
  const unit = 'wires/s';
  report.add({ figure: 'wires_per_second', unit, ours: rates, theirs: bareRates, against });
  report.add({ figure: 'failed', unit: 'Requests', ours: [failed] });
}

async function churns(report: Report, ours: Side, bare: Side): Promise<void> {
  const own: number[] = [];
  const other: number[] = [];
  for (let run = 0; run < pairs; run++) {
    own.push(await churn(ours, 4));
    other.push(await churn(bare, 4));
  }
  report.add({ figure: 'churn_p99_ms', unit: 'ms', ours: own, theirs: other, against });
}

async function traffic(report: Report, stage: Stage, ours: Side): Promise<void> {
  const wire = await ask(ours, 'traffic');
  const [address = ''] = wire.context?.ipContext?.dstIpAddrs[0]?.split('/') ?? [];
  const far = stage.world.player(wire.networkServiceEndpointName);
  const [, mtu = ''] = /mtu (\d+)/.exec(await ours.pod.run('ip', 'link', 'show', 'wtraffic')) ?? [];
  const veth = await bareVeth(stage, mtu);
  const rates: number[][] = [[], []];
  const trips: number[][] = [[], []];
  for (let run = 0; run < pairs; run++) {
    rates[0]?.push(await tcpGbits(ours.pod, far, address, 2));
    rates[1]?.push(await tcpGbits(veth.near, veth.far, veth.address, 2));
    trips[0]?.push(await roundTrips(ours.pod, address, 100_000));
    trips[1]?.push(await roundTrips(veth.near, veth.address, 100_000));
  }
  const add = (figure: string, unit: string, [own = [], theirs = []]: number[][]): void => {
    report.add({ figure, unit, ours: own, theirs, against: 'bare veth' });
  };
  add('local_tcp', 'Gbit/s', rates);
  add('local_rr', 'round trips/s', trips);
  await ours.caller.close(wire);
}

interface Veth {
  readonly near: Player;
  readonly far: Player;
  readonly address: string;
}

/** A veth pair between two pods, by iproute2, with the same MTU. */
async function bareVeth(stage: Stage, mtu: string): Promise<Veth> {
  const [near, far] = [await pod(stage.world, 'near'), await pod(stage.world, 'far')];
  const peer = ['peer', 'name', 'far0', 'netns', String(far.pid)];
  await near.run('ip', 'link', 'add', 'near0', 'type', 'veth', ...peer);
  for (const [player, name, address] of [
    [near, 'near0', '192.0.2.1/24'],
    [far, 'far0', '192.0.2.2/24'],
  ] as const) {
    await player.run('ip', 'address', 'add', address, 'dev', name);
    await player.run('ip', 'link', 'set', name, 'mtu', mtu, 'up');
  }
  return { near, far, address: '192.0.2.2' };
}

/** What there is, process by process. */
type Inventory = ReadonlyMap<string, number>;

async function inventory(stage: Stage): Promise<Inventory> {
  const { world } = stage;
  // A channel that nobody uses stays open for a second.
  await sleep(3_000);
  const found = new Map<string, number>();
  for (const name of ['manager', 'forwarder', 'hello-1']) {
    const player = world.player(name);
    found.set(`descriptors of ${name}`, await descriptors(player.pid));
    found.set(`timers of ${name}`, await timers(player));
  }
  for (const name of ['pod', 'hello-1']) {
    const lines = async (...args: string[]): Promise<number> =>
      (await world.player(name).run('ip', ...args)).split('\n').length - 1;
    found.set(`interfaces of ${name}`, await lines('-br', 'link'));
    found.set(`routes of ${name}`, (await lines('route')) + (await lines('-6', 'route')));
  }
  return found;
}

/** A process tells at SIGUSR1; SIGUSR2 makes it quiet again. */
async function timers(player: Player): Promise<number> {
  const { pid } = player;
  const told = (): string[] =>
    player
      .log()
      .split('\n')
      .filter((line) => line.includes('"vitals"'));
  const before = told().length;
  process.kill(pid, 'SIGUSR1');
  const since = Date.now();
  while (told().length === before) {
    if (Date.now() - since > 5_000) throw new Error(`process ${String(pid)} tells no vitals`);
    await sleep(20);
  }
  process.kill(pid, 'SIGUSR2');
  return (JSON.parse(told().at(-1) ?? '{}') as { timers: number }).timers;
}

/** All closed: the counts are as before, or the difference is told. */
async function leftovers(report: Report, stage: Stage, before: Inventory): Promise<void> {
  const after = await inventory(stage);
  const grown = [...after].filter(([what, count]) => count > (before.get(what) ?? 0));
  for (const [what, count] of grown) {
    report.note(`left over: ${what}: ${String(count)}, before ${String(before.get(what))}`);
  }
  const left = grown.reduce((sum, [what, count]) => sum + count - (before.get(what) ?? 0), 0);
  report.add({
    figure: 'left_over',
    unit: 'interfaces, routes, descriptors, timers',
    ours: [left],
  });
}
