// SPDX-License-Identifier: Apache-2.0
/**
 * A facet is one thing that an answered Connection says about an end of the
 * wire, as a pure function. The element `wire` takes a list of them, asks each
 * for both sides, and makes the sum of their answers so.
 */
import { contextOf, ipOf } from '../../api/chain/connection.js';
import { invalid } from '../../api/errors/wire-error.js';
import type { Connection } from '../../api/gen/connection.js';
import type { Route as ContextRoute } from '../../api/gen/connectioncontext.js';
import type { WantedEnd } from '../links/end.js';
import { parsePrefix, type Prefix } from '../links/ip.js';
import type { SideName } from '../mechanisms/kernel/side.js';

/** What a facet may say. */
export type Part = Partial<
  Pick<
    WantedEnd,
    'mtu' | 'addresses' | 'routes' | 'metric' | 'looseFilter' | 'neighbours' | 'settings'
  >
>;

/** See the head of this file. */
export type Facet = (view: View) => Part;

/** A Connection as one side of the wire sees it. */
export interface View {
  readonly connection: Connection;
  readonly side: SideName;
  readonly own: readonly Prefix[];
  readonly opposite: readonly Prefix[];
  readonly routes: readonly ContextRoute[];
  readonly ownMac: string;
  readonly oppositeMac: string;
}

const isAddress = 'an address with its prefix length, such as 10.0.0.1/32 or fd00::1/128';

/** The view of one side; INVALID_ARGUMENT where an address is none. */
export function viewOf(
  connection: Connection,
  side: SideName,
  macs: Pick<View, 'ownMac' | 'oppositeMac'>,
): View {
  const ip = ipOf(connection);
  const src = prefixes(ip.srcIpAddrs, 'context.ip_context.src_ip_addrs');
  const dst = prefixes(ip.dstIpAddrs, 'context.ip_context.dst_ip_addrs');
  return side === 'client'
    ? { connection, side, own: src, opposite: dst, routes: ip.srcRoutes, ...macs }
    : { connection, side, own: dst, opposite: src, routes: ip.dstRoutes, ...macs };
}

/** What all facets say together: lists are joined, without doubles. */
export function sum(parts: readonly Part[]): Required<Part> {
  const lists = { addresses: [], routes: [], neighbours: [] };
  const all = { mtu: 0, ...lists, metric: 0, looseFilter: false, settings: {} };
  return parts.reduce<Required<Part>>(
    (before, part) => ({
      mtu: part.mtu ?? before.mtu,
      addresses: join(before.addresses, part.addresses, String),
      routes: join(before.routes, part.routes, ({ to, via }) => `${to} ${via ?? ''}`),
      metric: part.metric ?? before.metric,
      looseFilter: part.looseFilter ?? before.looseFilter,
      neighbours: join(before.neighbours, part.neighbours, ({ ip }) => ip),
      settings: { ...before.settings, ...part.settings },
    }),
    all,
  );
}

/** The context's MTU. */
export function contextMtu(connection: Connection): number {
  return contextOf(connection).MTU;
}

function prefixes(texts: readonly string[], field: string): Prefix[] {
  return texts.map((text, at) => {
    const prefix = parsePrefix(text);
    if (prefix === undefined) throw invalid(`${field}[${String(at)}]`, text, isAddress);
    return prefix;
  });
}

/** Of doubles the first one's place and the last one's value. */
function join<T>(before: readonly T[], more: readonly T[] = [], key: (value: T) => string): T[] {
  return [...new Map([...before, ...more].map((value) => [key(value), value])).values()];
}
