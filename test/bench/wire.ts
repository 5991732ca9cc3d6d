// SPDX-License-Identifier: Apache-2.0
/**
 * What a steered wire carries, and what it takes to get one: side by side with
 * a plain VXLAN device and a bridge on each side, the bare underlay, and a wire
 * within the node, in one lab.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { askOperator } from '../../cli/operator-client.js';
import type { Place } from '../../lab/place.js';
import { Sites } from '../stage/sites.js';
import { builtFile } from './built-file.js';
import type { Report } from './report.js';
import { remoteWires } from './wire/requests.js';
import { smallUdp } from './wire/small-udp.js';

const pairs = 5;
const own = '172.16.0.0';

/** The benchmark. */
export async function wire(report: Report): Promise<void> {
  await using sites = await Sites.open();
  // A sink at the far end swallows the client's pings, too.
  const patient = { NSM_LIVENESS_CHECK_ENABLED: 'false' };
  await sites.client('kernel://wan@cloud/nsm-1', 'client', patient);
  await plainVxlan(sites);
  await throughput(report, sites);
  await switches(report, sites);
  await smallUdp(report, sites);
  await remoteWires(report, sites);
}

/** A bridge on each side and a VXLAN device between them, as an administrator would make it. */
async function plainVxlan({ lab, pod }: Sites): Promise<void> {
  const [edge, cloud] = [lab.node('edge'), lab.node('cloud')];
  const ip = (place: Place, ...words: string[]) =>
    Promise.all(words.map((line) => place.exec('ip', ...line.split(' '))));
  for (const [place, local, remote] of [
    [edge, '203.0.113.2', '203.0.113.10'],
    [cloud, '203.0.113.10', '203.0.113.2'],
  ] as const) {
    const tunnel = `vxlan id 42 local ${local} remote ${remote} dstport 4789 dev wan0`;
    await ip(place, `link add plain0 type ${tunnel}`);
    await ip(place, 'link add bridge0 type bridge');
    await ip(place, 'link set plain0 master bridge0 up');
    await ip(place, 'link set bridge0 up');
  }
  await ip(cloud, 'addr add 10.99.0.1/24 dev bridge0');
  await ip(edge, `link add port0 type veth peer name plain1 netns ${pod.netns}`);
  await ip(edge, 'link set port0 mtu 1450 master bridge0 up');
  await ip(pod, 'link set plain1 mtu 1450 up', 'addr add 10.99.0.2/24 dev plain1');
}

async function throughput(report: Report, { lab, pod }: Sites): Promise<void> {
  const cloud = lab.node('cloud');
  const rates: Record<'ours' | 'bridge' | 'underlay', number[]> = {
    ours: [],
    bridge: [],
    underlay: [],
  };
  for (let run = 0; run < pairs; run++) {
    rates.ours.push(await gbits(pod, cloud, own));
    rates.bridge.push(await gbits(pod, cloud, '10.99.0.1'));
    rates.underlay.push(await gbits(lab.node('edge'), cloud, '203.0.113.10'));
  }
  const { ours, bridge, underlay } = rates;
  const unit = 'Gbit/s';
  const against = 'VXLAN device and bridge';
  report.add({ figure: 'vxlan_tcp_vs_bridge', unit, ours, theirs: bridge, against });
  const bare = 'bare underlay';
  report.add({ figure: 'vxlan_tcp_vs_underlay', unit, ours, theirs: underlay, against: bare });
}

/** One TCP stream for 3 s, its first second left out. */
async function gbits(from: Place, to: Place, address: string): Promise<number> {
  const server = to.spawn('iperf3', ['--server', '--one-off', '--bind', address], {
    stdio: 'ignore',
  });
  const ended = new Promise((resolve) => server.once('exit', resolve));
  try {
    for (let tries = 0; ; tries++) {
      await sleep(200);
      try {
        const args = ['--json', '--client', address, '--time', '3', '--omit', '1'];
        const said = JSON.parse(await from.exec('iperf3', ...args)) as {
          end: { sum_received: { bits_per_second: number } };
        };
        return said.end.sum_received.bits_per_second / 1e9;
      } catch (reason) {
        if (tries === 10) throw reason;
      }
    }
  } finally {
    server.kill();
    await ended;
  }
}

/** One session moved to and fro a thousand times while it sends at 80 % of what goes. */
async function switches(report: Report, sites: Sites): Promise<void> {
  const { pod } = sites;
  const [neighbour] = JSON.parse(
    await pod.exec('ip', '-j', 'neigh', 'show', own, 'dev', 'nsm-1'),
  ) as { lladdr: string }[];
  const blast = async (packets: number, rate = 0): Promise<number> => {
    const args = ['nsm-1', neighbour?.lladdr ?? '', '172.16.0.1', own, 1, packets, 0, rate];
    const said = await pod.exec(builtFile('blast'), ...args.map(String));
    const { wall_ns } = JSON.parse(said) as { wall_ns: number };
    return (packets / wall_ns) * 1e9;
  };
  const most = await blast(200_000);
  const socket = `${sites.directory('edge')}/forwarder/operator.sock`;
  const received = async (): Promise<number> => {
    const { wires } = JSON.parse(await sites.operator('cloud', 'status', '--json')) as {
      wires: { counters: { rxPackets: number } }[];
    };
    return wires.reduce((sum, one) => sum + one.counters.rxPackets, 0);
  };
  const lost: number[] = [];
  const { wires } = JSON.parse(await sites.operator('edge', 'status', '--json')) as {
    wires: { id: string }[];
  };
  for (let run = 0; run < pairs; run++) {
    const before = await received();
    const packets = Math.round(most * 0.8 * 4);
    const sending = blast(packets, Math.round(most * 0.8));
    const began = performance.now();
    for (let turn = 0; turn < 200; turn++) {
      const flow = { protocol: 'udp', source: '172.16.0.1:10000', destination: `${own}:5000` };
      const strand = turn % 2 === 0 ? 'fibre-cloud/wan0' : 'lte-cloud/wan1';
      const body = { wire: wires[0]?.id, ...flow, strand };
      const question = { method: 'POST', path: '/pins', body } as const;
      await askOperator({ name: 'edge-forwarder', socket }, question, z.unknown());
    }
    const ms = performance.now() - began;
    await sending;
    await sleep(300);
    lost.push(Math.max(0, packets - ((await received()) - before)));
    report.note(`200 switches in ${ms.toFixed(0)} ms at ${(most * 0.8).toFixed(0)} packets/s`);
  }
  report.add({ figure: 'switch_lost_packets', unit: 'packets', ours: lost });
}
