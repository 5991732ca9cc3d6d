// SPDX-License-Identifier: Apache-2.0
/** This forwarder as it tells its peers of itself. */
import { status } from '@grpc/grpc-js';
import { WireError } from '../../../api/errors/wire-error.js';
import { tunnelMtu } from '../../steering/strands.js';
import type { Steering } from '../../steering/steering.js';
import type { Place } from '../../namespaces/namespaces.js';
import type { Link } from '../../underlay/link.js';
import type { TunnelNode } from './node.js';

/** What the mechanism's two sides work with. */
export interface TunnelSelf {
  /** Unique among all sites. */
  readonly name: string;
  readonly site: string;
  readonly port: number;
  /** The forwarder's own namespace. */
  readonly home: Place;
  readonly links: () => readonly Link[];
  readonly steering: Pick<Steering, 'isFree' | 'get'>;
}

/** Ourselves now, with the largest inner packet; FAILED_PRECONDITION where no link could carry a wire. */
export function selfNow(self: TunnelSelf): { readonly node: TunnelNode; readonly mtu: number } {
  const node = nodeOf(self);
  const mtu = tunnelMtu(node.links);
  if (mtu !== undefined) return { node, mtu };
  throw new WireError(status.FAILED_PRECONDITION, why(self.links(), self.site));
}

/** Ourselves with the links that have an address now. */
export function nodeOf({ name, site, port, links }: TunnelSelf): TunnelNode {
  const own = links()
    .filter(({ addresses: { v4, v6 } }) => v4 !== undefined || v6 !== undefined)
    .map(({ config, addresses, mtu }) => {
      return { name: config.name, network: config.network, ...addresses, mtu };
    });
  return { name, site, port, links: own };
}

function why(links: readonly Link[], site: string): string {
  const start = `no WAN link of site ${site} can carry a wire`;
  if (links.length === 0) return `${start}: it has none`;
  const each = links.map(({ config, ifindex, addresses, mtu }) => {
    if (ifindex === 0) return `${config.name}: no device ${config.device}`;
    if (addresses.v4 === undefined && addresses.v6 === undefined) {
      return `${config.name}: device ${config.device} has no address`;
    }
    return `${config.name}: MTU ${String(mtu)} leaves less than 1280`;
  });
  return `${start}: ${each.join('; ')}`;
}
