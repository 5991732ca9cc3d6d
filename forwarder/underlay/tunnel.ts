// SPDX-License-Identifier: Apache-2.0
/**
 * The VXLAN device that all strands go through: its tunnels are told packet by
 * packet, so that one serves all. Leaves: the device; the next life takes it as it is.
 */
import { constants } from 'node:os';
import { status } from '@grpc/grpc-js';
import { KernelError } from '../../api/errors/kernel-error.js';
import { NotSupportedError } from '../../api/errors/not-supported-error.js';
import { WireError } from '../../api/errors/wire-error.js';
import type { Netns } from '../../bpf/netns/netns.js';
import type { Operation } from '../links/operation.js';
import { linkQuery, linksQuery } from '../links/query.js';
import { apply, ask } from '../links/session.js';
import { vxlansOf, type FoundVxlan } from '../links/vxlan.js';
import { processWith } from './sockets.js';

/** What the largest outer IPv4 packet leaves: the outer headers take 50 bytes. */
const largestMtu = 65_485;

const { EADDRINUSE, EEXIST, EOPNOTSUPP } = constants.errno;

/** A device, for those who use it. */
export interface TunnelDevice {
  readonly ifindex: number;
  readonly name: string;
}

/** What our tunnel devices are told by. */
export function tunnelAlias(forwarder: string): string {
  return `wanwire:${forwarder}:tunnel`;
}

/** The device of that UDP port: the one that is there if it is ours, or a new one. ALREADY_EXISTS names who has the port or the name. */
export async function tunnelDevice(
  netns: Netns,
  forwarder: string,
  port: number,
): Promise<TunnelDevice> {
  const name = `wwvxlan${String(port)}`;
  const alias = tunnelAlias(forwarder);
  const there = await find(netns, name);
  if (there.exists && !isOurs(there.device, alias, port)) {
    const whose = there.device?.alias ? ` (${there.device.alias})` : '';
    throw taken(port, `its device's name ${name} is another's${whose}`);
  }
  const before = there.device ?? (await add(netns, name, port));
  const plan = planTunnel(before, alias);
  try {
    await apply(netns, plan);
  } catch (reason) {
    if (there.device === undefined) {
      await apply(netns, [{ op: 'delete-link', index: before.index }]);
    }
    throw await explained(reason, netns, port);
  }
  return { ifindex: before.index, name };
}

/** Delete those of ours that are for other ports. */
export async function dropTunnels(
  netns: Netns,
  forwarder: string,
  kept: readonly number[],
): Promise<void> {
  const alias = tunnelAlias(forwarder);
  const stale = (await all(netns)).filter(
    (device) => device.alias === alias && !kept.includes(device.port),
  );
  await apply(
    netns,
    stale.map(({ index }) => ({ op: 'delete-link', index })),
  );
}

function planTunnel(device: FoundVxlan, alias: string): readonly Operation[] {
  const { index, mtu, up } = device;
  const change = {
    ...(mtu === largestMtu ? {} : { mtu: largestMtu }),
    // It is nobody's interface: no addresses, and its name says little.
    ...(device.alias === alias ? {} : { alias, noLinkLocal: true as const }),
  };
  return [
    ...(Object.keys(change).length === 0 ? [] : [{ op: 'set-link', index, change } as const]),
    ...(up ? [] : [{ op: 'set-link', index, change: { up: true } } as const]),
  ];
}

/** One without an alias that was never up is one that we were killed over. */
function isOurs(device: FoundVxlan | undefined, alias: string, port: number): boolean {
  if (device === undefined || !device.external || device.port !== port) return false;
  return device.alias === alias || (device.alias === '' && !device.up);
}

async function find(
  netns: Netns,
  name: string,
): Promise<{ exists: boolean; device: FoundVxlan | undefined }> {
  const [answer] = await ask(netns, [linkQuery(name)]);
  return {
    exists: answer?.errno === 0,
    device: answer?.errno === 0 ? vxlansOf(answer)[0] : undefined,
  };
}

async function all(netns: Netns): Promise<readonly FoundVxlan[]> {
  const [answer] = await ask(netns, [linksQuery()]);
  return answer === undefined ? [] : vxlansOf(answer);
}

async function add(netns: Netns, name: string, port: number): Promise<FoundVxlan> {
  try {
    await apply(netns, [{ op: 'add-vxlan', device: { name, port, mtu: largestMtu } }]);
  } catch (reason) {
    if (reason instanceof KernelError && reason.errno === EOPNOTSUPP) {
      throw new NotSupportedError('VXLAN devices for many tunnels (CONFIG_VXLAN)', '4.3');
    }
    throw await explained(reason, netns, port);
  }
  const { device } = await find(netns, name);
  if (device === undefined) throw new Error(`${name} was made and is not there`);
  return device;
}

/** A conflict in the user's words; the port is bound when the device comes up. */
async function explained(reason: unknown, netns: Netns, port: number): Promise<unknown> {
  if (!(reason instanceof KernelError) || ![EADDRINUSE, EEXIST].includes(reason.errno)) {
    return reason;
  }
  const device = (await all(netns)).find((one) => one.port === port);
  const who = device === undefined ? await processWith(port) : `the VXLAN device ${device.name}`;
  return taken(port, `${who ?? 'somebody'} listens on it`, reason);
}

function taken(port: number, why: string, cause?: unknown): WireError {
  return new WireError(
    status.ALREADY_EXISTS,
    `vxlanPort: ${String(port)} is taken: ${why}: want a UDP port that is free on this node`,
    { cause },
  );
}
