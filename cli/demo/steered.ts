// SPDX-License-Identifier: Apache-2.0
/**
 * The demo, act by act: one wire between two sites over two WAN links, sessions on the links
 * that the policy names, the policy swapped under load, a link cut, mended and bad. Each act
 * rejects when what it shows is not so.
 */
import { ipOf } from '../../api/chain/connection.js';
import type { Connection } from '../../api/gen/connection.js';
import { Metronome } from '../../lab/metronome.js';
import type { Player } from '../../lab/world.js';
import { gauge } from './gauge.js';
import { interfaceOf } from './look.js';
import { showPath } from './path.js';
import { secured } from './identity.js';
import type { Screen } from './screen.js';
import { edgeFile, links, server, type Rules, type Sites } from './sites.js';
import { carries, during, mbps, show, until, type Stage } from './steered-look.js';
import { brownout, cut, mend } from './steered-trouble.js';
import { resetsOf, sums, type Load } from './sums.js';
import { has, mark, transfer } from './traffic.js';
import { isUp, Witness } from './witness.js';
import { must } from './words.js';

const wish = 'kernel://wan@cloud/nsm-1';
const interfaceName = 'nsm-1';
const ports = { voice: 5201, backup: 5202, stream: 7100 };

/** Tell the whole story; rejects at the first thing that is not as it should be. */
export async function story(stage: Stage): Promise<void> {
  const { sites, screen, dialer, signal } = stage;
  await cast(stage);
  using channel = await dialer.dial(sites.managerUrl('edge'), sites.agentUrl('edge'));
  const witness = new Witness(channel, signal);
  const first = witness.next('the wire', 20_000, isUp);
  const client = await sites.client(wish);
  await request(screen, client, must(await first, 'the wire'));
  {
    await using stream = await messages(sites);
    const load = await begin(stage, stream);
    await both(stage, load);
    await swap(stage, load);
    await cut(stage, load);
    await mend(stage, load);
    await brownout(stage, load);
    await sums(sites, screen, load);
  }
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
  screen.row(
    'lab',
    `${sites.lab.name}: network namespaces, and two cables between the sites: 10 and 40 ms of round trip`,
  );
  screen.row('policy', ...policyText({ marked: 'low-latency', rest: 'best-effort' }));
  screen.row('security', secured, 'tunnels are plaintext, on links that are trusted');
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

/** Small ones, to and fro, of no class of their own. */
function messages({ pod, server: to }: Sites): Promise<Metronome> {
  const options = {
    protocol: 'udp',
    address: server,
    port: ports.stream,
    periodUs: 2_000,
  } as const;
  return Metronome.start(pod, to, options);
}

async function begin({ sites, signal }: Stage, stream: Metronome): Promise<Load> {
  const { pod } = sites;
  const resetsBefore = await resetsOf(sites);
  await mark(pod, ports.voice);
  const start = (name: 'voice' | 'backup', udp: boolean) => {
    const options = { address: server, port: ports[name], mbps: mbps[name], udp };
    return transfer(pod, sites.server, options, signal);
  };
  const [voice, backup] = await Promise.all([start('voice', true), start('backup', false)]);
  return { voice, backup, stream, pings: [], resetsBefore };
}

async function both(stage: Stage, load: Load): Promise<void> {
  const { screen, sites } = stage;
  screen.title('2  Two transfers at once');
  screen.row(
    'voice',
    `UDP, DSCP EF, ${String(mbps.voice)} Mbit/s    (iperf3; marked by nft in the pod)`,
  );
  screen.row('backup', `TCP, not marked, ${String(mbps.backup)} Mbit/s`);
  const seen = await during(stage, load, 40, () =>
    // A busy machine needs a moment until both are at their speed.
    until('both transfers on their links', async () => {
      const [fibre, lte] = await gauge(sites.lab, 100);
      return carries(fibre, mbps.voice) && carries(lte, mbps.backup);
    }),
  );
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

/** The rules as a reader would say them. */
function policyText({ marked, rest }: Rules): string[] {
  const told = (name: string): string =>
    `${name}  (${links.find((link) => link.class === name)?.name ?? ''})`;
  return [`dscp ef    > ${told(marked)}`, `all others > ${told(rest)}`];
}

async function end({ sites, screen }: Stage, client: Player, witness: Witness): Promise<void> {
  screen.title('8  Close');
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
