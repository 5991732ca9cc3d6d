// SPDX-License-Identifier: Apache-2.0
/**
 * A node's steering without any mesh, as a process in the node's namespace: one
 * wire, whose strands end on a plain link, so that only the decision is
 * measured. Commands come as lines of JSON, each is answered by one.
 */
import { execFileSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { silentLogger } from '../../../api/log/log.js';
import type { SteeringPolicy } from '../../../api/site/types.js';
import { stats } from '../../../bpf/loader/layout.js';
import { BpfMap } from '../../../bpf/loader/map.js';
import { Plane } from '../../../forwarder/steering/plane.js';
import { Steering } from '../../../forwarder/steering/steering.js';
import type { Link } from '../../../forwarder/underlay/link.js';

/** What can be asked of the process. */
export type Command =
  | { readonly do: 'policy'; readonly policy: SteeringPolicy }
  | { readonly do: 'strands' }
  | { readonly do: 'end' };

const [directory = '', sessions = '65536'] = process.argv.slice(2);
const service = 'wan';

async function main(): Promise<void> {
  // /sys shows another namespace's devices.
  const all = JSON.parse(execFileSync('ip', ['-j', 'link'], { encoding: 'utf8' })) as {
    ifname: string;
    ifindex: number;
    address: string;
  }[];
  const find = (device: string) => all.find(({ ifname }) => ifname === device);
  const ifindexOf = (device: string): number => find(device)?.ifindex ?? 0;
  const macOf = (device: string): string => find(device)?.address ?? '';
  const links = [link(1, 'fibre', '198.51.100.1'), link(2, 'lte', '198.51.100.3')];
  const log = silentLogger();
  const plane = await Plane.open({ directory, log, sessions: Number(sessions), insertRate: 0 });
  const wan0 = ifindexOf('wan0');
  const steering = await Steering.open({
    plane,
    underlay: {
      links,
      keepTunnels: () => Promise.resolve(),
      tunnelDevice: () => Promise.resolve({ ifindex: wan0, name: 'wan0' }),
      route: () => Promise.resolve(),
    },
    port: 4790,
    policies: [],
    log,
  });
  await steering.add({
    id: 'bench',
    client: 'bench',
    service,
    labels: {},
    identity: undefined,
    leader: true,
    ethernet: false,
    mtu: 1450,
    vni: 2,
    peer: {
      name: 'peer',
      site: 'peer',
      port: 4790,
      links: [{ name: 'a', network: 'internet', v4: '198.51.100.2', mtu: 1500 }],
    },
    port: { ifindex: ifindexOf('port'), mac: macOf('port') },
    target: { ifindex: 1, name: 'none', mac: '02:00:00:00:00:01', atHome: true },
  });
  const counters = BpfMap.open(`${directory}/maps/strand_stats`);
  process.stdout.write('"ready"\n');
  for await (const line of createInterface({ input: process.stdin })) {
    const command = JSON.parse(line) as Command;
    if (command.do === 'end') break;
    process.stdout.write(`${JSON.stringify(await obey(command, steering, counters))}\n`);
  }
  await steering.remove('bench');
}

async function obey(command: Command, steering: Steering, counters: BpfMap): Promise<unknown> {
  if (command.do === 'policy') {
    const began = performance.now();
    await steering.setPolicies([{ service, policy: command.policy }]);
    return performance.now() - began;
  }
  return Object.fromEntries(
    steering.peers.strands.map(({ id, name }) => {
      const key = Buffer.alloc(4);
      key.writeUInt32LE(id);
      const each = counters.lookup(key) ?? Buffer.alloc(0);
      let packets = 0;
      for (let at = 0; at < each.length; at += stats.size) {
        packets += Number(stats.decode(each.subarray(at, at + stats.size)).tx_packets);
      }
      return [name, packets];
    }),
  );
}

function link(id: number, name: string, v4: string): Link {
  const config = {
    name,
    device: 'wan0',
    addresses: [],
    gateways: [],
    network: 'internet',
    class: name,
    rateMbps: undefined,
    capGB: undefined,
    profile: 'fixed',
    quality: undefined,
    billing: 'flat',
    mtu: undefined,
    trusted: true,
  } as const;
  return { id, config, ifindex: 1, up: true, addresses: { v4 }, gateways: {}, mtu: 1500 };
}

await main();
// Its input may still be open.
process.exit(0);
