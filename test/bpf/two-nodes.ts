// SPDX-License-Identifier: Apache-2.0
/**
 * Two nodes with two links between them, a client at one and a server at the
 * other, each in a namespace of its own, and one wire from client to server.
 * tc attaches `wire_tx` and `wire_rx`; the test fills the maps.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Test } from 'tap';
import { wireFlags } from '../../bpf/loader/layout.js';
import { mapped } from './packets.js';
import { oneClass, TestPlane } from './plane.js';

const exec = promisify(execFile);

/** A namespace. */
export class Place {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  /** What a shell script prints. */
  async sh(script: string): Promise<string> {
    return (await exec('nsenter', [...this.#enter, 'sh', '-ec', script])).stdout;
  }

  /** A program that goes on until the test ends. */
  start(t: Test, program: string, ...args: readonly string[]): ChildProcess {
    const child = spawn('nsenter', [...this.#enter, program, ...args]);
    const gone = new Promise((resolve) => child.on('close', resolve));
    t.teardown(() => {
      child.kill('SIGKILL');
      return gone;
    });
    return child;
  }

  /** Index and address of a device. */
  async device(name: string): Promise<{ readonly ifindex: number; readonly mac: Buffer }> {
    const text = await this.sh(`ip -json link show dev ${name}`);
    const [link] = JSON.parse(text) as [{ ifindex: number; address: string }];
    return { ifindex: link.ifindex, mac: Buffer.from(link.address.replaceAll(':', ''), 'hex') };
  }

  get #enter(): readonly string[] {
    return [`--net=/run/netns/${this.name}`];
  }
}

/** One side: a node with its plane, and whom it serves. */
export interface Side {
  readonly node: Place;
  /** Where `nsm-1` is. */
  readonly user: Place;
  readonly plane: TestPlane;
}

/** What {@link twoNodes} made; the wire is number 1, its strands are 1 (wan0) and 2 (wan1). */
export interface TwoNodes {
  /** Leads. */
  readonly edge: Side;
  readonly cloud: Side;
}

/** Addresses at the wire's ends. */
export const inner = {
  4: { client: '172.16.0.2', server: '172.16.0.3' },
  6: { client: 'fd16::2', server: 'fd16::3' },
} as const;

/** Addresses at both ends of wan0 and wan1. */
export const outer = {
  4: [
    ['192.0.2.1', '192.0.2.2'],
    ['198.51.100.1', '198.51.100.2'],
  ],
  6: [
    ['fd92::1', 'fd92::2'],
    ['fd98::1', 'fd98::2'],
  ],
} as const;

export const vni = 77;
const port = 4790;

/** How {@link twoNodes} makes the wire. */
export interface WireOptions {
  /** For every frame as it is. */
  readonly ethernet?: boolean;
  /** The server is in the cloud node's own namespace, as a gateway is. */
  readonly home?: boolean;
  /** No IPv6 at the wire's ends, which would send packets of their own. */
  readonly quiet?: boolean;
}

/** Make them; they go with the test. */
export async function twoNodes(
  t: Test,
  family: 4 | 6,
  options: WireOptions = {},
): Promise<TwoNodes> {
  const { ethernet = false, home = false } = options;
  const id = `ww-${randomUUID().slice(0, 6)}`;
  const [edge, cloud] = ['edge', 'cloud'].map((site) => {
    const node = new Place(`${id}-${site}`);
    return { node, user: home && site === 'cloud' ? node : new Place(`${id}-${site}-user`) };
  }) as [Omit<Side, 'plane'>, Omit<Side, 'plane'>];
  const places = new Set([edge.node, edge.user, cloud.node, cloud.user]);
  t.teardown(() => Promise.all([...places].map(({ name }) => exec('ip', ['netns', 'del', name]))));
  for (const { name } of places) await exec('ip', ['netns', 'add', name]);
  for (const n of [0, 1]) await edge.node.sh(cable(`wan${String(n)}`, cloud.node.name));
  const planes: TestPlane[] = [];
  for (const [at, side] of [edge, cloud].entries()) {
    await side.node.sh(nodeScript(at, side.user.name));
    await side.user.sh(userScript(at, options));
    const plane = TestPlane.open(t);
    planes.push(plane);
    await fill({ ...side, plane }, at, family, ethernet);
    await attach({ ...side, plane });
  }
  const [first, second] = planes as [TestPlane, TestPlane];
  return { edge: { ...edge, plane: first }, cloud: { ...cloud, plane: second } };
}

function cable(name: string, other: string): string {
  return `ip link add ${name} type veth peer name ${name} netns ${other}`;
}

function nodeScript(at: number, user: string): string {
  return `
    sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
    ip link set lo up
    for n in 0 1; do ip link set wan$n up; done
    ip addr add ${outer[4][0][at] ?? ''}/24 dev wan0
    ip addr add ${outer[4][1][at] ?? ''}/24 dev wan1
    ip addr add ${outer[6][0][at] ?? ''}/64 dev wan0 nodad
    ip addr add ${outer[6][1][at] ?? ''}/64 dev wan1 nodad
    ip link add host type veth peer name nsm-1 netns ${user}
    sysctl -qw net.ipv6.conf.host.disable_ipv6=1
    ip link set host up
    ip link add wwvxlan type vxlan external dstport ${String(port)}
    ip link set wwvxlan mtu 65485 up
    tc qdisc add dev host clsact
    tc qdisc add dev wwvxlan clsact`;
}

function userScript(at: number, { ethernet = false, quiet = false }: WireOptions): string {
  const own = at === 0 ? 'client' : 'server';
  const other = at === 0 ? 'server' : 'client';
  const others = [inner[4][other], ...(quiet ? [] : [inner[6][other]])];
  const six = quiet
    ? 'sysctl -qw net.ipv6.conf.nsm-1.disable_ipv6=1'
    : `ip addr add ${inner[6][own]}/64 dev nsm-1 nodad`;
  return `
    sysctl -qw net.ipv6.conf.nsm-1.accept_dad=0 net.ipv6.conf.nsm-1.router_solicitations=0
    ip link set lo up
    ip link set nsm-1 mtu 1430 up
    ip addr add ${inner[4][own]}/24 dev nsm-1
    ${six}
    for to in ${ethernet ? '' : others.join(' ')}; do
      ip neigh add $to lladdr 02:00:00:00:00:09 dev nsm-1 nud permanent
    done`;
}

async function fill(side: Side, at: number, family: 4 | 6, ethernet: boolean): Promise<void> {
  const { node, user, plane } = side;
  const flags =
    wireFlags.used |
    (at === 0 ? wireFlags.leader : 0) |
    (node === user ? 0 : wireFlags.peer) |
    (ethernet ? wireFlags.ethernet : 0);
  const host = await node.device('host');
  const target = await user.device('nsm-1');
  const { ifindex: device } = await node.device('wwvxlan');
  plane.setWire(1, {
    flags,
    port: host.ifindex,
    // redirect_peer goes to the other end of what it is given.
    target: node === user ? target.ifindex : host.ifindex,
    vni,
    mtu: 1430,
    target_mac: target.mac,
    port_mac: host.mac,
  });
  for (const [n, ends] of outer[family].entries()) {
    plane.setStrand(n + 1, {
      local: mapped(ends[at] ?? ''),
      remote: mapped(ends[1 - at] ?? ''),
      device,
      mtu: 1430,
      family,
    });
  }
  plane.apply(oneClass([1], [2]));
}

async function attach({ node, plane }: Side): Promise<void> {
  for (const [program, device] of [
    ['wire_tx', 'host'],
    ['wire_rx', 'wwvxlan'],
  ] as const) {
    const pin = join(plane.pins, program);
    plane.object.program(program).pin(pin);
    await node.sh(`tc filter add dev ${device} ingress bpf da object-pinned ${pin}`);
  }
}
