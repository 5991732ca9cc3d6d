// SPDX-License-Identifier: Apache-2.0
/**
 * The difference between one end as it should be and as it is: a list of
 * operations, empty where they are equal. Pure; held by `plan.test.ts` as text.
 */
import type { FoundEnd, Metric, Neighbour, Route, WantedEnd } from './end.js';
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
  const raw = {
    halfMade: true,
    up: false,
    running: false,
    autoLinkLocal: true,
    looseFilter: false,
  };
  return { index, name, mac, mtu, peer, ...raw, ...empty };
}

/** Whether its routes may have to go behind other interfaces' ones. Those to the other side itself are nobody else's. */
export function mayStandBehind({ metric, routes }: WantedEnd): boolean {
  return metric === 'spare' && routes.some(({ via }) => via !== undefined);
}

/** Whether {@link planEnd} must know what other interfaces' routes lead to. */
export function mustLookBeside(wanted: WantedEnd, found: FoundEnd): boolean {
  const isNew = (route: Route): boolean => ownMetric(route, found) === undefined;
  return mayStandBehind(wanted) && wanted.routes.some(isNew);
}

function planLink(wanted: WantedEnd, found: FoundEnd): readonly Operation[] {
  const change: LinkChange = {
    ...(wanted.mac === found.mac ? {} : { mac: wanted.mac }),
    ...(wanted.mtu === found.mtu ? {} : { mtu: wanted.mtu }),
    ...(wanted.alias === found.alias ? {} : { alias: wanted.alias }),
    ...(found.halfMade ? { group: 0 } : {}),
    // Ours needs no duplicate detection, for which the kernel would walk all routes twice.
    ...(found.autoLinkLocal && (wanted.silent === true || wanted.addresses.length > 0)
      ? { noLinkLocal: true as const }
      : {}),
    ...(wanted.looseFilter === true && !found.looseFilter ? { looseFilter: true as const } : {}),
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

function planRoutes(wanted: WantedEnd, found: FoundEnd): readonly Operation[] {
  const { index, routes } = found;
  const change = (op: 'add-route' | 'delete-route') => (route: Route) =>
    ({ op, index, route }) as const;
  const own = wanted.routes.map((route) => {
    const metric = metricOf(route, wanted.metric ?? 0, found);
    return metric === 0 ? route : { ...route, metric };
  });
  return [
    ...without(own, routes, routeKey).map(change('add-route')),
    ...without(routes, own, routeKey).map(change('delete-route')),
  ];
}

function metricOf(route: Route, wanted: Metric, found: FoundEnd): number {
  if (wanted !== 'spare') return wanted;
  return ownMetric(route, found) ?? (found.taken?.includes(route.to) ? behind(found) : 0);
}

/** The metric of a route that stands, if it is one that we would choose. */
function ownMetric({ to, via }: Route, found: FoundEnd): number | undefined {
  return found.routes
    .filter((route) => route.to === to && route.via === via)
    .map(({ metric = 0 }) => metric)
    .find((metric) => metric === 0 || metric === behind(found));
}

/** No two interfaces have the same one. */
function behind({ index }: FoundEnd): number {
  return 100 + index;
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

function routeKey({ to, via, metric = 0 }: Route): string {
  return `${to} ${via ?? ''} ${String(metric)}`;
}

function serves(found: Neighbour, wanted: Neighbour): boolean {
  const same = found.ip === wanted.ip && found.mac === wanted.mac;
  return same && (found.permanent || !wanted.permanent);
}
