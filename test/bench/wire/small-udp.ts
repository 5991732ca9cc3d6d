// SPDX-License-Identifier: Apache-2.0
/**
 * Small packets from a pod to the cloud, through a steered wire and through what
 * an administrator would set up: the node routes them into a VXLAN device. Both
 * end in a drop where they come out of the tunnel.
 */
import { builtFile } from '../built-file.js';
import type { Place } from '../../../lab/place.js';
import type { Sites } from '../../stage/sites.js';
import type { Report } from '../report.js';

const pairs = 7;
const sessions = 1_000;
const packets = 200_000;
const own = '172.16.0.0';
const routed = '10.97.0.1';

/** Where packets go, and from where. */
interface Way {
  readonly device: string;
  readonly mac: string;
  readonly source: string;
  readonly destination: string;
}

/** `small_udp_vs_routing`. */
export async function smallUdp(report: Report, sites: Sites): Promise<void> {
  const ours = await steeredWay(sites);
  const theirs = await routedWay(sites);
  const rates: Record<'ours' | 'theirs', number[]> = { ours: [], theirs: [] };
  for (let run = -1; run < pairs; run++) {
    const one = { ours: await rate(sites, ours), theirs: await rate(sites, theirs) };
    // The first run fills caches, and our sessions.
    if (run < 0) continue;
    rates.ours.push(one.ours);
    rates.theirs.push(one.theirs);
  }
  const against = 'routing into a VXLAN device';
  const unit = 'kpackets/s of CPU';
  report.add({ figure: 'small_udp_vs_routing', unit, ...rates, against });
}

/** Thousands of packets for a second of CPU; rejects where some did not come out of the tunnel. */
async function rate(sites: Sites, { device, mac, source, destination }: Way): Promise<number> {
  const before = await carried(sites);
  const args = [device, mac, source, destination, sessions, packets];
  const said = await sites.pod.exec(builtFile('blast'), ...args.map(String));
  const lost = packets - ((await carried(sites)) - before);
  // More may come: the kernel's own packets of a link.
  if (lost > 0) throw new Error(`${String(lost)} of ${String(packets)} packets did not arrive`);
  const { cpu_ns } = JSON.parse(said) as { cpu_ns: number };
  return (packets / cpu_ns) * 1e6;
}

/** Packets that came over the cables to the cloud. */
async function carried({ lab }: Sites): Promise<number> {
  const all = await Promise.all(
    ['wan0', 'wan1'].map(async (device) => {
      const text = await lab.node('cloud').exec('ip', '-s', '-j', 'link', 'show', device);
      const [found] = JSON.parse(text) as { stats64: { rx: { packets: number } } }[];
      return found?.stats64.rx.packets ?? NaN;
    }),
  );
  return all.reduce((sum, one) => sum + one, 0);
}

async function steeredWay({ lab, pod }: Sites): Promise<Way> {
  const neighbours = JSON.parse(
    await pod.exec('ip', '-j', 'neigh', 'show', own, 'dev', 'nsm-1'),
  ) as { lladdr: string }[];
  const cloud = lab.node('cloud');
  const routes = JSON.parse(await cloud.exec('ip', '-j', 'route', 'show', '172.16.0.1')) as {
    dev: string;
  }[];
  await drop(cloud, routes[0]?.dev ?? '');
  return {
    device: 'nsm-1',
    mac: neighbours[0]?.lladdr ?? '',
    source: '172.16.0.1',
    destination: own,
  };
}

async function routedWay({ lab, pod }: Sites): Promise<Way> {
  const [edge, cloud] = [lab.node('edge'), lab.node('cloud')];
  const ip = async (place: Place, ...lines: string[]): Promise<void> => {
    for (const line of lines) await place.exec('ip', ...line.split(' '));
  };
  for (const [place, local, remote, address] of [
    [edge, '203.0.113.2', '203.0.113.10', '10.97.0.2'],
    [cloud, '203.0.113.10', '203.0.113.2', routed],
  ] as const) {
    const tunnel = `vxlan id 43 local ${local} remote ${remote} dstport 4788 dev wan0`;
    await ip(place, `link add routed0 type ${tunnel}`);
    await ip(place, 'link set routed0 up', `addr add ${address}/24 dev routed0`);
  }
  await ip(edge, `link add routed1 type veth peer name routed2 netns ${pod.netns}`);
  await ip(edge, 'link set routed1 up', 'addr add 10.98.0.1/24 dev routed1');
  await ip(pod, 'link set routed2 up', 'addr add 10.98.0.2/24 dev routed2');
  await edge.exec('sysctl', '-qw', 'net.ipv4.ip_forward=1');
  // So that no packet waits for a neighbour.
  const far = await macOf(cloud, 'routed0');
  await ip(edge, `neigh replace ${routed} lladdr ${far} dev routed0 nud permanent`);
  await drop(cloud, 'routed0');
  const mac = await macOf(edge, 'routed1');
  return { device: 'routed2', mac, source: '10.98.0.2', destination: routed };
}

async function macOf(place: Place, device: string): Promise<string> {
  const [found] = JSON.parse(await place.exec('ip', '-j', 'link', 'show', device)) as {
    address: string;
  }[];
  return found?.address ?? '';
}

/** Drop all that comes in there. */
async function drop(place: Place, device: string): Promise<void> {
  await place.exec('tc', 'qdisc', 'add', 'dev', device, 'clsact');
  const program = ['bpf', 'da', 'obj', builtFile('sink.bpf.o'), 'sec', 'tc'];
  await place.exec('tc', 'filter', 'add', 'dev', device, 'ingress', ...program);
}
