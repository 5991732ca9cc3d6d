// SPDX-License-Identifier: Apache-2.0
/** A steered wire as a value, and as the plane's maps have it. */
import * as layout from '../../bpf/loader/layout.js';
import type { TunnelNode } from '../mechanisms/vxlan/node.js';

/** What steering must know of a wire to another node. */
export interface SteeredWire {
  /** Connection id at this hop. */
  readonly id: string;
  /** First segment of the path: who asked for it. */
  readonly client: string;
  /** As this site calls it, without a site's name. */
  readonly service: string;
  readonly labels: Readonly<Record<string, string>>;
  /** SPIFFE ID of the client, as tokens prove it; nothing without identities. */
  readonly identity: string | undefined;
  /** We choose the strand; the other side follows. */
  readonly leader: boolean;
  readonly ethernet: boolean;
  readonly mtu: number;
  readonly vni: number;
  readonly peer: TunnelNode;
  /** The host end, in the forwarder's own namespace. */
  readonly port: { readonly ifindex: number; readonly mac: string };
  /** The end that the client or endpoint has. */
  readonly target: {
    readonly ifindex: number;
    readonly name: string;
    readonly mac: string;
    /** It is in the forwarder's own namespace, too. */
    readonly atHome: boolean;
  };
}

/** The entry of map `wires`. */
export function wireEntry(wire: SteeredWire, policy: number, peer: number) {
  const { used, leader, peer: peerFlag, ethernet } = layout.wireFlags;
  const flags =
    used |
    (wire.leader ? leader : 0) |
    (wire.target.atHome ? 0 : peerFlag) |
    (wire.ethernet ? ethernet : 0);
  return {
    flags,
    port: wire.port.ifindex,
    // redirect_peer goes to the other end of what it is given.
    target: wire.target.atHome ? wire.target.ifindex : wire.port.ifindex,
    vni: wire.vni,
    peer,
    policy,
    mtu: wire.mtu,
    target_mac: macBytes(wire.target.mac),
    port_mac: macBytes(wire.port.mac),
  };
}

/** What its number means, for readers of the maps. */
export function wireName({ id, client, service, target }: SteeredWire): object {
  return { id, client, service, name: target.name };
}

/** Where its entries in other maps would be other ones. */
export function isElsewhere(before: SteeredWire, wire: SteeredWire): boolean {
  return (
    before.port.ifindex !== wire.port.ifindex ||
    before.vni !== wire.vni ||
    before.peer.name !== wire.peer.name
  );
}

function macBytes(mac: string): Uint8Array {
  return Buffer.from(mac.replaceAll(':', ''), 'hex');
}
