// SPDX-License-Identifier: Apache-2.0
/**
 * The routes and rules that keep each pair of outer addresses on its link.
 * Pure; held by `ways.test.ts`.
 *
 * An address that is reached by one link alone gets a route for itself in the
 * main table: that costs other packets nothing, where a single rule makes all
 * routing of the namespace dearer. An address that several links reach is told
 * apart by where packets come from: a rule and a table for each of those links.
 * Only the addresses of strands are in these tables, so that whatever else is
 * sent from a link's address goes as it would without us.
 *
 * Behind every route stands one to nowhere: when a device goes down its packets
 * stay, and do not leave by another link with an address that is not its own.
 */
import { families, parsePrefix, prefixText, type Prefix } from '../links/ip.js';
import { mainTable } from '../links/host-route.js';
import {
  hostRouteText,
  sourceRuleText,
  type HostRoute,
  type Operation,
  type SourceRule,
} from '../links/operation.js';
import type { Device } from './device.js';
import type { Link } from './link.js';
import { hopTo } from './resolve.js';

/** How outer packets find their link. */
export type Routing = 'host-routes' | 'source-rules' | 'none';

/** A pair of outer addresses that is to go by one link. */
export interface Way {
  readonly link: Pick<Link, 'id'>;
  readonly local: string;
  readonly remote: string;
}

/** A link and the device it is on, if that is there. */
export interface Placed {
  readonly link: Link;
  readonly device: Device | undefined;
}

/** Where our numbers begin. */
export interface Numbers {
  /** The routing table of link N has this number plus N. */
  readonly firstTable: number;
  /** The priority of our routing rules. */
  readonly rulePriority: number;
}

/** All that is to be ours. */
export interface Steering {
  readonly routes: readonly HostRoute[];
  readonly rules: readonly SourceRule[];
}

/** Before those of others; IPv6 would join ours with others' of the same metric. */
const metrics = {
  [families.v4]: { way: 0, nowhere: 87 },
  [families.v6]: { way: 87, nowhere: 88 },
} as const;

/** What these ways need; a way of a link that is not known needs nothing. */
export function steeringOf(
  ways: readonly Way[],
  placed: ReadonlyMap<number, Placed>,
  { firstTable, rulePriority }: Numbers,
): Steering & { readonly routing: Routing } {
  const known = ways.filter(({ link }) => placed.has(link.id));
  const users = new Map<string, Set<number>>();
  for (const { link, remote } of known) {
    users.set(remote, (users.get(remote) ?? new Set()).add(link.id));
  }
  const routes = new Map<string, HostRoute>();
  const rules = new Map<string, SourceRule>();
  for (const { link, local, remote } of known) {
    const to = hostOf(remote);
    const isShared = (users.get(remote)?.size ?? 0) > 1;
    const table = isShared ? firstTable + link.id : mainTable;
    for (const route of routesTo(to, table, placed.get(link.id))) {
      routes.set(hostRouteText(route), route);
    }
    if (!isShared) continue;
    const rule = { from: prefixText(hostOf(local)), table, priority: rulePriority };
    rules.set(sourceRuleText(rule), rule);
  }
  const routing = rules.size > 0 ? 'source-rules' : routes.size > 0 ? 'host-routes' : 'none';
  return { routes: [...routes.values()], rules: [...rules.values()], routing };
}

/** From what is to what is to be: nothing is taken before its substitute is there. */
export function planSteering(wanted: Steering, found: Steering): readonly Operation[] {
  const missing = without(wanted.routes, found.routes, hostRouteText);
  const surplus = without(found.routes, wanted.routes, hostRouteText);
  return [
    ...missing.map((route) => ({ op: 'add-host-route', route }) as const),
    ...without(wanted.rules, found.rules, sourceRuleText).map(
      (rule) => ({ op: 'add-source-rule', rule }) as const,
    ),
    ...without(found.rules, wanted.rules, sourceRuleText).map(
      (rule) => ({ op: 'delete-source-rule', rule }) as const,
    ),
    ...surplus.map((route) => ({ op: 'delete-host-route', route }) as const),
  ];
}

function routesTo(to: Prefix, table: number, placed: Placed | undefined): HostRoute[] {
  const { way, nowhere } = metrics[to.family === families.v4 ? families.v4 : families.v6];
  const text = prefixText(to);
  const end = { table, to: text, index: 0, metric: nowhere };
  const device = placed?.device;
  // One that is not set up takes no routes.
  if (placed === undefined || !device?.isSet) return [end];
  const hop = hopTo(to, placed.link, device);
  return [end, { table, to: text, index: device.index, metric: way, ...hop }];
}

function hostOf(address: string): Prefix {
  const prefix = parsePrefix(address);
  if (prefix === undefined || prefix.length !== prefix.bytes.length * 8) {
    throw new TypeError(`not an address: ${address}`);
  }
  return prefix;
}

function without<T>(all: readonly T[], taken: readonly T[], text: (one: T) => string): T[] {
  const texts = new Set(taken.map(text));
  return all.filter((one) => !texts.has(text(one)));
}
