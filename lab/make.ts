// SPDX-License-Identifier: Apache-2.0
/** Makes what a plan says, in few commands: namespaces, devices, addresses, joined cables. */
import { built } from './built.js';
import type { Commands } from './commands.js';
import { namespacesOf, type CablePlan, type LanPlan, type Plan } from './plan.js';
import { joinLine, plainSection } from './wires/operations.js';

/** One step after the other; each fails as a whole. */
export async function make(
  plan: Plan,
  commands: Commands,
  signal: AbortSignal | undefined,
): Promise<void> {
  const steps = [
    () => commands.ip(namespacesOf(plan).map((name) => `netns add ${name}`)),
    () => settings(plan, commands),
    () => commands.ip([...plan.cables.flatMap((cable) => veths(cable, plan)), ...bridges(plan)]),
    () => commands.ip(plan.lans.flatMap(lanVeths)),
    () => inside(plan, commands),
    () => commands.tc(plan.cables.flatMap(joined), plan.wires),
  ];
  for (const step of steps) {
    signal?.throwIfAborted();
    await step();
  }
}

/** Before the devices: what they take over from `default` when they are made. */
async function settings({ wires, bridges, places }: Plan, commands: Commands): Promise<void> {
  const set = (netns: string, values: Readonly<Record<string, number>>) => {
    const lines = Object.entries(values).map(
      ([name, value]) =>
        `[ ! -e /proc/sys/net/${name} ] || echo ${String(value)} >/proc/sys/net/${name}`,
    );
    return commands.run('nsenter', [
      `--net=/run/netns/${netns}`,
      ...['--', 'sh', '-ec', lines.join('\n')],
    ]);
  };
  await Promise.all([
    ...[wires, ...bridges].map((netns) => set(netns, switching)),
    ...places.map(({ netns, kind }) => set(netns, kind === 'node' ? { ...host, ...node } : host)),
  ]);
}

/** The wires themselves say nothing, and no firewall looks at what a switch passes. */
const switching = {
  'ipv6/conf/all/disable_ipv6': 1,
  'ipv6/conf/default/disable_ipv6': 1,
  'bridge/bridge-nf-call-iptables': 0,
  'bridge/bridge-nf-call-ip6tables': 0,
  'bridge/bridge-nf-call-arptables': 0,
};

/** Addresses work at once, and nobody asks for routers that are not there. */
const host = {
  'ipv6/conf/all/accept_dad': 0,
  'ipv6/conf/default/accept_dad': 0,
  'ipv6/conf/all/accept_ra': 0,
  'ipv6/conf/default/accept_ra': 0,
  'ipv6/conf/default/router_solicitations': 0,
  // What the machine's own namespace has for these is inherited otherwise.
  'ipv4/ip_forward': 0,
  'ipv4/conf/all/rp_filter': 0,
  'ipv4/conf/default/rp_filter': 0,
};

/** Two links to one network are two lines: neither answers for the other's address. */
const node = { 'ipv4/conf/all/arp_ignore': 1, 'ipv4/conf/all/arp_announce': 2 };

function veths({ ends }: CablePlan, { wires }: Plan): string[] {
  return ends.map(
    ({ hidden, index, device, netns, mtu }) =>
      `link add name ${hidden} index ${String(index)} mtu ${String(mtu)} netns ${wires} type veth ` +
      `peer name ${device} mtu ${String(mtu)} netns ${netns}`,
  );
}

const bridgeDevice = 'switch';

function bridges({ bridges: namespaces }: Plan): string[] {
  return namespaces.map(
    (netns) =>
      `link add name ${bridgeDevice} netns ${netns} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
  );
}

function lanVeths({ node: netns, servers, bridge }: LanPlan): string[] {
  const veth = (one: string, other: string): string => `link add ${one} type veth peer ${other}`;
  const [only] = servers;
  if (bridge === undefined) {
    return [veth(`name lan0 netns ${netns}`, `name eth0 netns ${only?.netns ?? ''}`)];
  }
  return [
    veth(`name lan0 netns ${netns}`, `name node netns ${bridge}`),
    ...servers.map((server, at) =>
      veth(`name eth0 netns ${server.netns}`, `name server${String(at)} netns ${bridge}`),
    ),
  ];
}

/** What is done in each namespace: addresses, routes, and everything up. */
async function inside(plan: Plan, commands: Commands): Promise<void> {
  const lines = new Map<string, string[]>(plan.places.map(({ netns }) => [netns, [up('lo')]]));
  const add = (netns: string, ...more: readonly string[]): void => {
    lines.set(netns, [...(lines.get(netns) ?? []), ...more]);
  };
  for (const netns of plan.bridges) add(netns, up(bridgeDevice));
  for (const { ends } of plan.cables) {
    for (const [at, end] of ends.entries()) {
      add(plan.wires, up(end.hidden));
      if (plan.bridges.includes(end.netns) && at === 1) add(end.netns, port(end.device));
      else add(end.netns, ...addressed(end.device, end.addresses), up(end.device));
    }
  }
  for (const lan of plan.lans) addLan(lan, add);
  await Promise.all([...lines].map(([netns, own]) => commands.ip(own, netns)));
}

function addLan(
  { node: netns, addresses, servers, bridge }: LanPlan,
  add: (netns: string, ...lines: readonly string[]) => void,
): void {
  add(netns, ...addressed('lan0', addresses), up('lan0'));
  if (bridge !== undefined) {
    add(bridge, port('node'), ...servers.map((_server, at) => port(`server${String(at)}`)));
  }
  const gateways = addresses.map((address) => address.split('/')[0] ?? '');
  for (const server of servers) {
    const families = new Set(server.addresses.map((address) => address.includes(':')));
    const routes = [...families].flatMap((v6) => {
      const gateway = gateways.find((address) => address.includes(':') === v6);
      return gateway === undefined
        ? []
        : `route add ${v6 ? '::/0' : '0.0.0.0/0'} via ${gateway} dev eth0`;
    });
    add(server.netns, ...addressed('eth0', server.addresses), up('eth0'), ...routes);
  }
}

function up(device: string): string {
  return `link set dev ${device} up`;
}

function port(device: string): string {
  return `link set dev ${device} master ${bridgeDevice} up`;
}

function addressed(device: string, addresses: readonly string[]): string[] {
  return addresses.map(
    (address) => `address add ${address} dev ${device}${address.includes(':') ? ' nodad' : ''}`,
  );
}

function joined(cable: CablePlan): string[] {
  const facts = { wires: '', netem: false, object: built('#cable') };
  return cable.ends.flatMap(({ hidden }, at) => [
    `qdisc add dev ${hidden} clsact`,
    joinLine(hidden, plainSection(cable, at), facts),
  ]);
}
