// SPDX-License-Identifier: Apache-2.0
/** Links and strands as tables and as JSON, with rates where there was an earlier read. */
import type { Paint } from '../paint.js';
import { counterColumns } from './counter-columns.js';
import { rateOf } from './counters.js';
import { tableLines, type Column } from './lines.js';
import type { PlaneReading } from './read.js';
import type { Counters, PlaneLink, PlaneStrand, Rate } from './types.js';

/** One read. */
export interface LinksReading {
  readonly reading: PlaneReading;
  /** Of the monotonic clock. */
  readonly atMs: number;
}

type Rated<T> = T & { readonly rate?: Rate };

/** Each with its rate since the one of the same name (or other key) before. */
export function rated<T extends { readonly counters: Counters }>(
  now: readonly T[],
  before: readonly T[] | undefined,
  key: (one: T) => string | number,
  ms: number,
): readonly Rated<T>[] {
  if (before === undefined) return now;
  const earlier = new Map(before.map((one) => [key(one), one]));
  return now.map((one) => {
    return { ...one, rate: rateOf(one.counters, earlier.get(key(one))?.counters, ms) };
  });
}

/** The links of a read. */
export function ratedLinks(now: LinksReading, before?: LinksReading): readonly Rated<PlaneLink>[] {
  const ms = now.atMs - (before?.atMs ?? 0);
  return rated(now.reading.plane.links, before?.reading.plane.links, ({ name }) => name, ms);
}

/** The strands of a read. */
export function ratedStrands(
  now: LinksReading,
  before?: LinksReading,
): readonly Rated<PlaneStrand>[] {
  const ms = now.atMs - (before?.atMs ?? 0);
  return rated(now.reading.plane.strands, before?.reading.plane.strands, ({ id }) => id, ms);
}

/** The JSON of `wanwire links`. */
export function linksJson(now: LinksReading, before?: LinksReading): object {
  const { node, generation } = now.reading.plane;
  return {
    node,
    generation,
    links: ratedLinks(now, before),
    strands: ratedStrands(now, before),
  };
}

/** The tables of `wanwire links`. */
export function linksLines(paint: Paint, now: LinksReading, before?: LinksReading): string[] {
  const links = ratedLinks(now, before);
  const tone = stateTone(paint);
  const lines =
    links.length === 0
      ? ['no links']
      : tableLines(links, linkColumns(before !== undefined), paint, tone);
  return [...lines, '', ...strandLines(paint, now, before)];
}

/** The table of `wanwire strand list`. */
export function strandLines(paint: Paint, now: LinksReading, before?: LinksReading): string[] {
  const strands = ratedStrands(now, before);
  if (strands.length === 0) return ['no strands: no wire leads to another site yet'];
  return tableLines(strands, strandColumns(before !== undefined), paint, stateTone(paint));
}

function linkColumns(withRates: boolean): readonly Column<Rated<PlaneLink>>[] {
  return [
    { title: 'LINK', text: ({ name }) => name },
    { title: 'CLASS', text: (link) => link.class },
    { title: 'NETWORK', text: ({ network }) => network },
    { title: 'DEVICE', text: ({ device }) => device },
    { title: 'STATE', text: ({ state }) => state },
    { title: 'STRANDS', text: ({ usable, strands }) => `${String(usable)}/${String(strands)}` },
    { title: 'ADDRESSES', text: ({ addresses }) => addresses.join(',') },
    ...counterColumns<Rated<PlaneLink>>(withRates),
  ];
}

function strandColumns(withRates: boolean): readonly Column<Rated<PlaneStrand>>[] {
  return [
    { title: 'STRAND', text: ({ name }) => name },
    { title: 'PEER', text: ({ peer }) => peer },
    {
      title: 'STATE',
      text: ({ state, down }) => [state, down.join(', ')].filter(Boolean).join(': '),
    },
    { title: 'LOCAL', text: ({ local }) => local },
    { title: 'REMOTE', text: ({ remote }) => remote },
    { title: 'MTU', right: true, text: ({ mtu }) => String(mtu) },
    ...counterColumns<Rated<PlaneStrand>>(withRates),
  ];
}

/** Down is red, what is not trusted yellow, what says nothing dim. */
export function stateTone({ red, yellow, dim }: Pick<Paint, 'red' | 'yellow' | 'dim'>) {
  const tones: Readonly<Record<string, (line: string) => string>> = {
    down: red,
    degraded: yellow,
    held: yellow,
    returning: yellow,
    unmeasured: dim,
    unused: dim,
  };
  return ({ state }: { readonly state: string }): ((line: string) => string) =>
    tones[state] ?? String;
}
