// SPDX-License-Identifier: Apache-2.0
/**
 * The demo, act by act: one wire between two sites over two WAN links, sessions on the links
 * that the policy names, the policy swapped and a link lost under load. Each act
 * rejects when what it shows is not so.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { ipOf } from '../../api/chain/connection.js';
import type { Connection } from '../../api/gen/connection.js';
import type { Channel } from '../../api/grpc/channel.js';
import type { Player } from '../../lab/world.js';
import { gauge, type Gauged } from './gauge.js';
import { interfaceOf } from './look.js';
import { showPath } from './path.js';
import type { Screen } from './screen.js';
import { edgeFile, links, server, type Rules, type Sites } from './sites.js';
import { resetsOf, sums, type Load } from './sums.js';
import { ef, has, mark, pings, transfer } from './traffic.js';
import { isUp, Witness } from './witness.js';
import { bar, megabytes, must, rate } from './words.js';

const wish = 'kernel://wan@cloud/nsm-1';
const interfaceName = 'nsm-1';
/** What each transfer sends, in Mbit/s: different, so that the links' counters tell which is where. */
const mbps = { voice: 4, backup: 40 };
const ports = { voice: 5201, backup: 5202 };

/** What the acts work with. */
export interface Stage {
  readonly sites: Sites;
  readonly screen: Screen;
  /** Gives a channel to a manager. */
  readonly dial: (url: string) => Channel;
  readonly signal: AbortSignal;
}

/** Tell the whole story; rejects at the first thing that is not as it should be. */
export async function story(stage: Stage): Promise<void> {
  const { sites, screen, dial, signal } = stage;
  await cast(stage);
  using channel = dial(sites.managerUrl('edge'));
  const witness = new Witness(channel, signal);
  const first = witness.next('the wire', 20_000, isUp);
  const client = await sites.client(wish);
  await request(screen, client, must(await first, 'the wire'));
  const load = await begin(stage);
  await both(stage, load);
  await swap(stage, load);
  await pull(stage, load);
  await plug(stage, load);
  await sums(sites, screen, load);
  await end(stage, client, witness);
}

async function cast({ sites, screen }: Stage): Promise<void> {
  screen.title('wanwire: one wire over two WAN links');
  if (!(await has('iperf3', sites.pod))) {
    throw new Error('iperf3 is missing: apt-get install iperf3');
  }
  await sites.write('edge', edgeFile({ marked: 'low-latency', rest: 'best-effort' }));
  await Promise.all([sites.up('cloud'), sites.up('edge')]);
  screen.row('edge', 'wanwire up -f edge.yaml    two links: fibre (wan0) and lte (wan1)');
  screen.row('cloud', `wanwire up -f cloud.yaml   gateway to its LAN, with a server at ${server}`);
  screen.row('lab', `${sites.lab.name}: network namespaces, and two cables between the sites`);
  screen.row('policy', ...policyText({ marked: 'low-latency', rest: 'best-effort' }));
  screen.row('security', 'none yet: plaintext, by WANWIRE_INSECURE=true and trusted links');
}

async function request(screen: Screen, client: Player, wire: Connection): Promise<void> {
  screen.title(`1  Request ${wish}`);
  const face = must(await interfaceOf(client, interfaceName), interfaceName);
  screen.row('endpoint', wire.networkServiceEndpointName);
  screen.row(
    'interface',
    `${interfaceName}  mtu ${String(face.mtu)}  ${face.addresses.join('  ')}`,
  );
  screen.row('gateway', ipOf(wire).dstIpAddrs.join('  '));
  screen.row('routes', face.routes.join(', '));
  showPath(screen, wire);
}

async function begin({ sites, signal }: Stage): Promise<Load> {
  const { pod } = sites;
  const resetsBefore = await resetsOf(sites);
  await mark(pod, ports.voice);
  const start = (name: 'voice' | 'backup', udp: boolean) => {
    const options = { address: server, port: ports[name], mbps: mbps[name], udp };
    return transfer(pod, sites.server, options, signal);
  };
  const [voice, backup] = await Promise.all([start('voice', true), start('backup', false)]);
  return { voice, backup, pings: [], resetsBefore };
}

async function both(stage: Stage, load: Load): Promise<void> {
  const { screen } = stage;
  screen.title('2  Two transfers at once');
  screen.row(
    'voice',
    `UDP, DSCP EF, ${String(mbps.voice)} Mbit/s    (iperf3; marked by nft in the pod)`,
  );
  screen.row('backup', `TCP, not marked, ${String(mbps.backup)} Mbit/s`);
  const seen = await during(stage, load, 40, () => Promise.resolve());
  show(screen, seen, ['voice', 'backup']);
}

async function swap(stage: Stage, load: Load): Promise<void> {
  const { sites, screen } = stage;
  screen.title('3  Swap the policy under load');
  const rules: Rules = { marked: 'best-effort', rest: 'low-latency' };
  screen.row('edge.yaml', ...policyText(rules));
  let tookMs = 0;
  const seen = await during(stage, load, 50, async () => {
    const start = performance.now();
    await sites.write('edge', edgeFile(rules));
    await until('the new policy on the links', async () => {
      const [fibre, lte] = await gauge(sites.lab, 20);
      return carries(fibre, mbps.backup) && !carries(lte, mbps.backup);
    });
    tookMs = performance.now() - start;
  });
  screen.row('took', `${tookMs.toFixed(0)} ms from the file to the links`);
  show(screen, seen, ['backup', 'voice']);
}

async function pull(stage: Stage, load: Load): Promise<void> {
  const { sites, screen } = stage;
  screen.title('4  Pull a cable');
  screen.row('command', 'wanwire lab set edge/wan0 --down');
  const down = async (): Promise<void> => {
    await sites.lab.set('edge/wan0', { down: true });
    // What was in the cable is sent again when TCP's timer says so.
    await until('the backup on the LTE link', async () => {
      const [, lte] = await gauge(sites.lab, 20);
      return carries(lte, mbps.backup);
    });
  };
  const seen = await during(stage, load, 50, down, true);
  show(screen, seen, ['', 'voice and backup']);
}

async function plug(stage: Stage, load: Load): Promise<void> {
  const { sites, screen } = stage;
  screen.title('5  Plug it in again');
  screen.row('command', 'wanwire lab set edge/wan0 --up');
  const seen = await during(stage, load, 50, async () => {
    await sites.lab.set('edge/wan0', { up: true });
    await until('the backup on the fibre', async () => {
      const [fibre] = await gauge(sites.lab, 20);
      return carries(fibre, mbps.backup);
    });
  });
  show(screen, seen, ['backup', 'voice']);
}

/**
 * Ping, marked and not, make the change a little later, and look at the links once it is made.
 * What is in a cable while it is pulled nobody can save: then a ping `mayLose`.
 */
async function during(
  { sites, signal }: Stage,
  load: Load,
  count: number,
  change: () => Promise<void>,
  mayLose = false,
): Promise<readonly Gauged[]> {
  const ping = (tos: number) => pings(sites.pod, server, count, tos, signal);
  const [marked, plain, seen] = await Promise.race([
    Promise.all([
      ping(ef),
      ping(0),
      sleep(300)
        .then(change)
        .then(() => gauge(sites.lab, 1_000)),
    ]),
    load.voice.broken,
    load.backup.broken,
  ]);
  load.pings.push({ mayLose, marked, plain });
  return seen;
}

/** A table of the links; rejects where one does not carry what it should, or something else. */
function show(screen: Screen, seen: readonly Gauged[], wanted: readonly string[]): void {
  const most = Math.max(...seen.map(({ bitsPerSecond }) => bitsPerSecond));
  const rows = seen.map(({ name, device, bytes, bitsPerSecond }, at) => [
    name,
    device,
    megabytes(bytes),
    rate(bitsPerSecond),
    wanted[at] || '-',
    bar(bitsPerSecond / most, 24),
  ]);
  screen.table(['link', 'device', 'sent', 'rate', 'carries', ''], rows);
  for (const [at, one] of seen.entries()) {
    const who = wanted[at] ?? '';
    const isRight =
      carries(one, mbps.backup) === who.includes('backup') &&
      one.bitsPerSecond > (mbps.voice * 1e6) / 2 === (who !== '');
    if (!isRight) throw new Error(`${one.name} carries ${rate(one.bitsPerSecond)}, not ${who}`);
  }
}

/** Whether about so much is on the link. */
function carries(seen: Gauged | undefined, wantedMbps: number): boolean {
  return (seen?.bitsPerSecond ?? 0) > (wantedMbps * 1e6) / 2;
}

/** The rules as a reader would say them. */
function policyText({ marked, rest }: Rules): string[] {
  const told = (name: string): string =>
    `${name}  (${links.find((link) => link.class === name)?.name ?? ''})`;
  return [`dscp ef    > ${told(marked)}`, `all others > ${told(rest)}`];
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const endMs = Date.now() + 10_000;
  while (!(await isSo())) {
    if (Date.now() > endMs) throw new Error(`waited 10 s for ${what}`);
  }
}

async function end({ sites, screen }: Stage, client: Player, witness: Witness): Promise<void> {
  screen.title('7  Close');
  const deleted = witness.next('the end of the wire', 10_000, (sight) => sight === undefined);
  const code = await client.end('SIGTERM');
  await deleted;
  screen.row('client', `ended with exit code ${String(code)}, its wire is closed`);
  for (const site of ['edge', 'cloud']) {
    const player = sites.world.player(site);
    const ended = await player.end('SIGTERM');
    if (ended !== 0) throw new Error(`${site} ended with ${String(ended)}:\n${player.log()}`);
  }
  screen.row('sites', 'both ended with exit code 0');
}
