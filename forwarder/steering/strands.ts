// SPDX-License-Identifier: Apache-2.0
/** The strands to a peer: its links paired with ours. Pure; held by `strands.test.ts`. */
import ipaddr from 'ipaddr.js';
import { downReasons } from '../../bpf/loader/layout.js';
import type { TunnelLink, TunnelNode } from '../mechanisms/vxlan/node.js';
import type { Link } from '../underlay/link.js';

/** One strand as it should be. */
export interface WantedStrand {
  /** `<local link>-<peer's site>/<its link>`: what an operator calls it. */
  readonly name: string;
  readonly link: Link;
  readonly peerLink: string;
  readonly family: 4 | 6;
  readonly local: string;
  readonly remote: string;
  /** The largest inner packet. */
  readonly mtu: number;
  /** Bits of `downReasons`, without the operator's. */
  readonly down: number;
}

/** Outer IP, UDP and VXLAN headers and the inner Ethernet header, in bytes. */
export const overhead = { 4: 50, 6: 70 } as const;

/** An IPv6 network below has no IPv6: the kernel would take its addresses away (RFC 8200, section 5). */
export const leastMtu = 1280;

/** All pairs that can reach each other, by name. A pair speaks IPv4 where both can. */
export function strandsTo(peer: TunnelNode, links: readonly Link[]): readonly WantedStrand[] {
  return links
    .flatMap((link) => peer.links.map((remote) => strand(link, remote, peer)))
    .filter((one) => one !== undefined)
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** What of inner packets fits into the smallest link that can be used at all; nothing where there is none. */
export function tunnelMtu(
  links: readonly Pick<TunnelLink, 'v4' | 'v6' | 'mtu'>[],
): number | undefined {
  const sizes = links
    .filter(({ v4, v6 }) => v4 !== undefined || v6 !== undefined)
    .map(({ v4, mtu }) => mtu - overhead[v4 === undefined ? 6 : 4])
    .filter((mtu) => mtu >= leastMtu);
  return sizes.length === 0 ? undefined : Math.min(...sizes);
}

/** An address as maps have it: 16 bytes, IPv4 as ::ffff:a.b.c.d. */
export function addressBytes(text: string): Uint8Array {
  const parsed = ipaddr.parse(text);
  const wide = parsed instanceof ipaddr.IPv4 ? parsed.toIPv4MappedAddress() : parsed;
  return Uint8Array.from(wide.toByteArray());
}

function strand(link: Link, remote: TunnelLink, peer: TunnelNode): WantedStrand | undefined {
  if (!peer.stock && link.config.network !== remote.network) return undefined;
  const { v4, v6 } = link.addresses;
  const name = `${link.config.name}-${peer.site || peer.name}/${remote.name}`;
  const rest = { name, link, peerLink: remote.name };
  const size = Math.min(link.mtu, remote.mtu);
  if (v4 !== undefined && remote.v4 !== undefined) {
    return { ...rest, ...sized(link, size, 4), local: v4, remote: remote.v4 };
  }
  if (v6 !== undefined && remote.v6 !== undefined) {
    return { ...rest, ...sized(link, size, 6), local: v6, remote: remote.v6 };
  }
  return undefined;
}

function sized(
  link: Link,
  size: number,
  family: 4 | 6,
): { family: 4 | 6; mtu: number; down: number } {
  const mtu = size - overhead[family];
  const down = (link.up ? 0 : downReasons.carrier) | (mtu < leastMtu ? downReasons.mtu : 0);
  return { family, mtu, down };
}
