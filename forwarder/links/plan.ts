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

/** An end as `add-veth` leaves it. */
export function freshEnd(wanted: WantedEnd, index: number, peer: number): FoundEnd {
  const { name, mac, mtu } = wanted;
  const empty = { alias: '', addresses: [], failed: [], routes: [], neighbours: [] };
  return { index, name, mac, mtu, up: false, running: false, autoLinkLocal: true, peer, ...empty };
}

function planLink(wanted: WantedEnd, found: FoundEnd): readonly Operation[] {
  const change: LinkChange = {
    ...(wanted.mac === found.mac ? {} : { mac: wanted.mac }),
    ...(wanted.mtu === found.mtu ? {} : { mtu: wanted.mtu }),
    ...(wanted.alias === found.alias ? {} : { alias: wanted.alias }),
    // Ours needs no duplicate detection, for which the kernel would walk all routes twice.
    ...(found.autoLinkLocal && (wanted.silent === true || wanted.addresses.length > 0)
      ? { noLinkLocal: true as const }
      : {}),
  };
  const { index } = found;
  // By itself and last: each change of a link that is up makes the kernel walk all IPv6 routes.
  const up: Operation = { op: 'set-link', index, change: { up: true } };
  const changes: Operation[] =
    Object.keys(change).length === 0 ? [] : [{ op: 'set-link', index, change }];
  return found.up ? changes : [...changes, up];
}

function planAddresses(wanted: WantedEnd, { index, ...found }: FoundEnd): readonly Operation[] {
  const change = (op: 'add-address' | 'delete-address') => (address: string) =>
    ({ op, index, address }) as const;
  // The kernel takes no address that is there, however broken.
  const broken = found.failed.map(change('delete-address'));
  const missing = without(wanted.addresses, found.addresses, String);
  const surplus = without(found.addresses, wanted.addresses, String).filter(isGlobal);
  if (wanted.addresses.length === 0) return [];
  return [
    ...broken,
    ...missing.map(change('add-address')),
    ...surplus.map(change('delete-address')),
  ];
}

function isGlobal(address: string): boolean {
  return !/^fe[89ab]/.test(address);
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
  const missing = wanted.neighbours.filter(
    (one) => !neighbours.some((other) => serves(other, one)),
  );
  return [
    ...missing.map(change('add-neighbour')),
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

function serves(found: Neighbour, wanted: Neighbour): boolean {
  const same = found.ip === wanted.ip && found.mac === wanted.mac;
  return same && (found.permanent || !wanted.permanent);
}
