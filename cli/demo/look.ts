// SPDX-License-Identifier: Apache-2.0
/** Looks at the kernel with iproute2 and ping, never with wanwire's own code: the demo is to prove something. */
import type { Player } from '../../lab/world.js';

/** An interface as `ip` sees it. */
export interface Interface {
  readonly index: number;
  readonly mtu: number;
  readonly mac: string;
  readonly up: boolean;
  /** In CIDR form. */
  readonly addresses: readonly string[];
  readonly routes: readonly string[];
}

interface IpAddress {
  readonly ifname: string;
  readonly ifindex: number;
  readonly mtu: number;
  readonly address: string;
  readonly flags: readonly string[];
  readonly addr_info: readonly { local: string; prefixlen: number; scope: string }[];
}

interface IpRoute {
  readonly dst: string;
  readonly gateway?: string;
  readonly protocol: string;
}

/** The interface `name` in a process's namespace, or nothing. */
export async function interfaceOf(player: Player, name: string): Promise<Interface | undefined> {
  const links = await ip<IpAddress>(player, 'address', 'show');
  const link = links.find(({ ifname }) => ifname === name);
  if (link === undefined) return undefined;
  const routes = await Promise.all(
    ['-4', '-6'].map((family) => ip<IpRoute>(player, family, 'route', 'show', 'dev', name)),
  );
  return {
    index: link.ifindex,
    mtu: link.mtu,
    mac: link.address,
    up: link.flags.includes('UP'),
    addresses: link.addr_info
      .filter(({ scope }) => scope === 'global')
      .map(({ local, prefixlen }) => `${local}/${String(prefixlen)}`),
    routes: routes
      .flat()
      .filter(({ protocol }) => protocol !== 'kernel')
      .map(({ dst, gateway }) => (gateway === undefined ? dst : `${dst} via ${gateway}`)),
  };
}

/** The names of all interfaces but `lo` in a process's namespace. */
export async function interfaces(player: Player): Promise<readonly string[]> {
  const links = await ip<{ ifname: string }>(player, 'link', 'show');
  return links.map(({ ifname }) => ifname).filter((name) => name !== 'lo');
}

/** The mean round-trip time of three echoes in milliseconds; rejects unless all are answered. */
export async function ping(player: Player, address: string): Promise<number> {
  const said = await player.run('ping', '-n', '-q', '-c3', '-i0.05', '-W1', address);
  const received = /(\d+) received/.exec(said)?.[1];
  const mean = /= [\d.]+\/([\d.]+)\//.exec(said)?.[1];
  if (received !== '3' || mean === undefined) throw new Error(`ping ${address}: ${said}`);
  return Number(mean);
}

async function ip<T>(player: Player, ...args: string[]): Promise<readonly T[]> {
  const said = await player.run('ip', '-json', ...args);
  return said.trim() === '' ? [] : (JSON.parse(said) as T[]);
}
