// SPDX-License-Identifier: Apache-2.0
/**
 * client - node - wan, three network namespaces of our own: a blast of small
 * packets from the client ends in a sink at the wan's side that counts and drops.
 */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { builtFile } from '../built-file.js';

const exec = promisify(execFile);

/** What a blast cost. */
export interface Blast {
  readonly packets: number;
  /** Of the sender's process, with all that the packets went through. */
  readonly cpuNs: number;
}

/** How a blast is made. */
export interface BlastOptions {
  readonly sessions: number;
  readonly packets: number;
  /** Number of the first session: others are new ones. */
  readonly first?: number;
}

/** See the head of this file. Dispose it to remove the namespaces. */
export class Topology implements AsyncDisposable {
  readonly client: string;
  readonly node: string;
  readonly wan: string;
  #mac = '';

  private constructor(prefix: string) {
    [this.client, this.node, this.wan] = [`${prefix}-c`, `${prefix}-n`, `${prefix}-w`];
  }

  /** Namespaces and links with addresses; nothing forwards yet. */
  static async open(): Promise<Topology> {
    const made = new Topology(`ww-bench-${randomBytes(3).toString('hex')}`);
    const { client, node, wan } = made;
    const lines = [
      ...[client, node, wan].map((name) => `netns add ${name}`),
      `link add port netns ${node} type veth peer name eth0 netns ${client}`,
      `link add wan0 netns ${node} type veth peer name eth0 netns ${wan}`,
    ];
    await batch(lines);
    await made.ip(client, 'addr add 10.0.1.2/24 dev eth0', 'link set eth0 up', 'link set lo up');
    await made.ip(
      node,
      'addr add 10.0.1.1/24 dev port',
      'addr add 198.51.100.1/24 dev wan0',
      'link set port up',
      'link set wan0 up',
      'link set lo up',
    );
    await made.ip(wan, 'addr add 198.51.100.2/24 dev eth0', 'link set eth0 up');
    await made.sinkAt(wan, 'eth0');
    await made.run(node, 'sysctl', '-qw', 'net.ipv4.ip_forward=1');
    const [port] = JSON.parse(await made.run(node, 'ip', '-j', 'link', 'show', 'port')) as {
      address: string;
    }[];
    const [peer] = JSON.parse(await made.run(wan, 'ip', '-j', 'link', 'show', 'eth0')) as {
      address: string;
    }[];
    made.#mac = port?.address ?? '';
    await made.ip(
      node,
      `neigh replace 198.51.100.2 lladdr ${peer?.address ?? ''} dev wan0 nud permanent`,
      'route add 192.0.2.0/24 via 198.51.100.2',
    );
    return made;
  }

  /** Count and drop all that comes in there. */
  async sinkAt(netns: string, device: string): Promise<void> {
    await this.run(netns, 'tc', 'qdisc', 'add', 'dev', device, 'clsact');
    await this.run(
      netns,
      ...['tc', 'filter', 'add', 'dev', device, 'ingress', 'bpf', 'da', 'obj'],
      ...[builtFile('sink.bpf.o'), 'sec', 'tc'],
    );
  }

  /** Packets that came to the sink. */
  async sunk(): Promise<number> {
    const text = await this.run(this.wan, 'ip', '-s', '-j', 'link', 'show', 'eth0');
    const [device] = JSON.parse(text) as { stats64: { rx: { packets: number } } }[];
    return device?.stats64.rx.packets ?? NaN;
  }

  /** Send from the client through the node; rejects where not all of it came to the sink. */
  async blast({ sessions, packets, first = 0 }: BlastOptions, sink = true): Promise<Blast> {
    const before = sink ? await this.sunk() : 0;
    const args = ['eth0', this.#mac, '10.0.1.2', '192.0.2.9', sessions, packets, first];
    const said = JSON.parse(
      await this.run(this.client, builtFile('blast'), ...args.map(String)),
    ) as {
      packets: number;
      cpu_ns: number;
    };
    const lost = sink ? said.packets - ((await this.sunk()) - before) : 0;
    // More may come: the kernel's own packets of a link.
    if (lost > 0) throw new Error(`${String(lost)} of ${String(packets)} packets did not arrive`);
    return { packets: said.packets, cpuNs: said.cpu_ns };
  }

  /** Run a program in one of the namespaces. */
  async run(netns: string, ...command: readonly string[]): Promise<string> {
    const args = [`--net=/run/netns/${netns}`, ...command];
    return (await exec('nsenter', args, { timeout: 60_000, maxBuffer: 1 << 26 })).stdout;
  }

  /** Lines for `ip` in one of the namespaces. */
  async ip(netns: string, ...lines: readonly string[]): Promise<void> {
    await batch(lines, '-n', netns);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of [this.client, this.node, this.wan]) {
      await exec('ip', ['netns', 'del', name]).catch(() => undefined);
    }
  }
}

async function batch(lines: readonly string[], ...args: readonly string[]): Promise<void> {
  const running = exec('ip', [...args, '-batch', '-']);
  running.child.stdin?.end(`${lines.join('\n')}\n`);
  await running;
}
