// SPDX-License-Identifier: Apache-2.0
/** What the kernel says of a lab's places and links, and what was set. */
import { Commands } from './commands.js';
import type { CablePlan, EndPlan, Plan } from './plan.js';
import { firstState } from './changes.js';
import type { CableState, LabState } from './state.js';
import type { Counters, Direction, LabStatus, LinkStatus, PlaceStatus } from './types.js';
import { meansOf } from './wires/operations.js';
import { Relay } from './wires/relay.js';

/** A device as `ip -json -stats address` tells it; more than this is there. */
interface Shown {
  readonly ifname: string;
  readonly mtu: number;
  readonly flags: readonly string[];
  readonly addr_info: readonly {
    readonly scope: string;
    readonly local: string;
    readonly prefixlen: number;
  }[];
  readonly stats64: Readonly<
    Record<'rx' | 'tx', { readonly bytes: number; readonly packets: number }>
  >;
}

const commands = new Commands();

async function devices(netns: string, ...only: readonly string[]): Promise<readonly Shown[]> {
  const args = ['-json', '-stats', '-netns', netns, 'address', 'show', ...only];
  const text = await commands.run('ip', args);
  return text.trim() === '' ? [] : (JSON.parse(text) as Shown[]);
}

/** What was counted at the device of a cable's end. */
export async function countersAt({ netns, device }: EndPlan): Promise<Counters> {
  const [shown] = await devices(netns, 'dev', device);
  return countersOf(shown);
}

/** The IPv6 address that a device has for its own line, with the device: `fe80::1%wan0`; nothing where it has none. */
export async function linkLocal({ netns, device }: EndPlan): Promise<string | undefined> {
  const [shown] = await devices(netns, 'dev', device);
  return shown?.addr_info.find(({ scope, local }) => scope === 'link' && local.includes(':'))
    ?.local;
}

/** See the head of this file. */
export async function statusOf(plan: Plan, state: LabState, folder: string): Promise<LabStatus> {
  const shown = new Map(
    await Promise.all(plan.places.map(async ({ netns }) => [netns, await devices(netns)] as const)),
  );
  const links = plan.cables.map(async (cable) => {
    const is = state.cables[cable.id] ?? firstState(cable);
    const ends = cable.network === undefined ? ([0, 1] as const) : ([0] as const);
    const relayed = is.directions.some((one) => meansOf(one, state.netem) === 'relay');
    const broken = relayed && !(await new Relay(folder, plan.wires, cable).runs());
    return ends.map((at) => ({ ...linkStatus(cable, at, is, state.netem, shown), broken }));
  });
  return {
    name: plan.name,
    places: plan.places.map(({ place, kind, netns }): PlaceStatus => {
      const addresses = (shown.get(netns) ?? []).flatMap(addressesOf);
      return { place, kind, netns, addresses };
    }),
    links: (await Promise.all(links)).flat().sort((a, b) => a.link.localeCompare(b.link)),
  };
}

function linkStatus(
  cable: CablePlan,
  at: 0 | 1,
  is: CableState,
  netem: boolean,
  shown: ReadonlyMap<string, readonly Shown[]>,
): Omit<LinkStatus, 'broken'> {
  const own = cable.ends[at];
  const other = cable.ends[1 - at] ?? own;
  const device = shown.get(own.netns)?.find(({ ifname }) => ifname === own.device);
  const way = (from: EndPlan, toward: EndPlan): Direction => {
    const direction = is.directions[cable.ends.indexOf(from)] ?? is.directions[0];
    const { shape, lost } = direction;
    return { from: from.side, toward: toward.side, shape, lost, by: meansOf(direction, netem) };
  };
  return {
    link: own.link,
    to: other.link,
    addresses: device === undefined ? [] : addressesOf(device),
    up: is.up,
    carrier: device?.flags.includes('LOWER_UP') ?? false,
    mtu: device?.mtu ?? 0,
    out: way(own, other),
    in: way(other, own),
    counters: countersOf(device),
  };
}

function countersOf(shown: Shown | undefined): Counters {
  const { rx, tx } = shown?.stats64 ?? {};
  return {
    txPackets: tx?.packets ?? 0,
    txBytes: tx?.bytes ?? 0,
    rxPackets: rx?.packets ?? 0,
    rxBytes: rx?.bytes ?? 0,
  };
}

function addressesOf({ addr_info: all }: Shown): string[] {
  return all
    .filter(({ scope }) => scope === 'global')
    .map(({ local, prefixlen }) => `${local}/${String(prefixlen)}`);
}
