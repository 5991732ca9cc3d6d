// SPDX-License-Identifier: Apache-2.0
/**
 * The difference between one end as it should be and as it is: a list of
 * operations, empty where they are equal. Pure; held by `plan.test.ts` as text.
 */
import type { FoundEnd, Neighbour, Route, WantedEnd } from './end.js';
import type { LinkChange, Operation } from './operation.js';

/** What to do to an end that exists. The link comes up before its routes; nothing is taken before its substitute is there. */
export function planEnd(wanted: WantedEnd, found: FoundEnd): readonly Operation[] {
  return [
    ...planLink(wanted, found),
    ...planAddresses(wanted, found),
    ...planRoutes(wanted, found),
    ...planNeighbours(wanted, found),
  ];
}

/** An end as `add-veth` leaves it: the near one is up. */
export function freshEnd(wanted: WantedEnd, index: number, peer: number, up: boolean): FoundEnd {
  const { name, mac, mtu } = wanted;
  const empty = { alias: '', addresses: [], failed: [], routes: [], neighbours: [] };
  return { index, name, mac, mtu, up, peer, ...empty };
}

function planLink(wanted: WantedEnd, found: FoundEnd): readonly Operation[] {
  const change: LinkChange = {
    ...(wanted.mac === found.mac ? {} : { mac: wanted.mac }),
    ...(wanted.mtu === found.mtu ? {} : { mtu: wanted.mtu }),
    ...(wanted.alias === found.alias ? {} : { alias: wanted.alias }),
    ...(found.up ? {} : { up: true as const }),
  };
  if (Object.keys(change).length === 0) return [];
  return [{ op: 'set-link', index: found.index, change }];
}

function planAddresses(wanted: WantedEnd, { index, ...found }: FoundEnd): readonly Operation[] {
  const change = (op: 'add-address' | 'delete-address') => (address: string) =>
    ({ op, index, address }) as const;
  // The kernel takes no address that is there, however broken.
  const broken = found.failed.map(change('delete-address'));
  const missing = without(wanted.addresses, found.addresses, String);
  if (wanted.addresses.length === 0) return [];
  return [
    ...broken,
    ...missing.map(change('add-address')),
    ...without(found.addresses, wanted.addresses, String).map(change('delete-address')),
  ];
}

function planRoutes(wanted: WantedEnd, { index, routes }: FoundEnd): readonly Operation[] {
  const change = (op: 'add-route' | 'delete-route') => (route: Route) =>
    ({ op, index, route }) as const;
  return [
    ...without(wanted.routes, routes, routeKey).map(change('add-route')),
    ...without(routes, wanted.routes, routeKey).map(change('delete-route')),
  ];
}

function planNeighbours(wanted: WantedEnd, { index, neighbours }: FoundEnd): readonly Operation[] {
  const change = (op: 'add-neighbour' | 'delete-neighbour') => (neighbour: Neighbour) =>
    ({ op, index, neighbour }) as const;
  const stale = neighbours.filter((neighbour) => neighbour.permanent);
  return [
    ...without(wanted.neighbours, neighbours, neighbourKey).map(change('add-neighbour')),
    ...without(stale, wanted.neighbours, ({ ip }) => ip).map(change('delete-neighbour')),
  ];
}

function without<T>(all: readonly T[], taken: readonly T[], key: (value: T) => string): T[] {
  const keys = new Set(taken.map(key));
  return all.filter((value) => !keys.has(key(value)));
}

function routeKey({ to, via }: Route): string {
  return `${to} ${via ?? ''}`;
}

function neighbourKey({ ip, mac, permanent }: Neighbour): string {
  return `${ip} ${mac} ${String(permanent)}`;
}
