// SPDX-License-Identifier: Apache-2.0
/**
 * A class as slots: which strand a session takes by its hash. Pure. Level 0 are
 * the class's own links by weight, then come its fallbacks, then, unless it is
 * strict, whatever there is. A strand stands in the first level that has it: who
 * comes to a later one has found those of all earlier ones down.
 */
import { classOf } from '../../api/site/classes.js';
import type { PolicyClass, SiteLink, SteeringPolicy } from '../../api/site/types.js';
import { limits } from '../../bpf/loader/layout.js';

/** A strand, by the local link it leaves on. */
export interface LinkStrand {
  readonly id: number;
  readonly link: SiteLink;
}

/** The levels of a class, none of them empty. */
export interface Levels {
  /** Each 64 numbers of strands. */
  readonly levels: number[][];
  /** How many of them the class asks for: sessions go there from a strand that is avoided, to the last resort only where none is usable. */
  readonly soft: number;
}

/** The same without {@link Levels.soft}. */
export function slotsOf(
  name: string,
  policy: SteeringPolicy,
  strands: readonly LinkStrand[],
): number[][] {
  return levelsOf(name, policy, strands).levels;
}

/** The levels of a class. */
export function levelsOf(
  name: string,
  policy: SteeringPolicy,
  strands: readonly LinkStrand[],
): Levels {
  const own = classOf(policy, name);
  const classes = [own, ...own.fallback.map((one) => classOf(policy, one))];
  const weights: ((link: SiteLink) => number)[] = classes.map(
    (one) => (link) => weightOf(one, link),
  );
  const asked = weights.length;
  if (!own.strict) weights.push(() => 1);
  const left = new Set([...strands].sort((a, b) => a.id - b.id));
  const levels: number[][] = [];
  let soft = 0;
  for (const [at, weight] of weights.entries()) {
    const shares = sharesOf([...left], weight);
    for (const { strand } of shares) left.delete(strand);
    if (shares.length === 0) continue;
    levels.push(interleaved(counted(shares)));
    if (at < asked) soft = levels.length;
  }
  return { levels, soft };
}

/** What of a class's sessions a link gets: the weight of the first entry that names it, or 0. */
function weightOf({ links }: PolicyClass, link: SiteLink): number {
  const entry = links.find(
    (one) =>
      (one.name === undefined || one.name === link.name) &&
      (one.class === undefined || one.class === link.class),
  );
  return entry?.weight ?? 0;
}

interface Share {
  readonly strand: LinkStrand;
  readonly weight: number;
}

/** A link's weight is that of all its strands together. */
function sharesOf(strands: readonly LinkStrand[], weight: (link: SiteLink) => number): Share[] {
  const ofLink = new Map<string, number>();
  for (const { link } of strands) ofLink.set(link.name, (ofLink.get(link.name) ?? 0) + 1);
  return strands
    .map((strand) => {
      const { link } = strand;
      return { strand, weight: weight(link) / (ofLink.get(link.name) ?? 1) };
    })
    .filter((share) => share.weight > 0)
    .toSorted((a, b) => b.weight - a.weight)
    .slice(0, limits.slots);
}

interface Count {
  readonly id: number;
  slots: number;
}

/** Numbers of slots by the largest remainder; each has one at least, or it would never serve. */
function counted(shares: readonly Share[]): Count[] {
  const all = shares.reduce((sum, { weight }) => sum + weight, 0);
  const exact = shares.map(({ strand, weight }) => {
    const wanted = (limits.slots * weight) / all;
    return { id: strand.id, slots: Math.max(1, Math.floor(wanted)), wanted };
  });
  const missing = (): number => limits.slots - exact.reduce((sum, { slots }) => sum + slots, 0);
  for (let free = missing(); free !== 0; free = missing()) {
    const step = Math.sign(free);
    const [first] = exact
      .filter(({ slots }) => slots + step >= 1)
      .toSorted((a, b) => step * (b.wanted - b.slots - (a.wanted - a.slots)));
    if (first === undefined) break;
    first.slots += step;
  }
  return exact;
}

/** Each strand at even distances, so that neighbours differ where they can. */
function interleaved(counts: readonly Count[]): number[] {
  const credit = new Map(counts.map(({ id }) => [id, 0]));
  return Array.from({ length: limits.slots }, () => {
    let best: Count | undefined;
    for (const one of counts) {
      credit.set(one.id, (credit.get(one.id) ?? 0) + one.slots);
      if (best === undefined || (credit.get(one.id) ?? 0) > (credit.get(best.id) ?? 0)) best = one;
    }
    const id = best?.id ?? 0;
    credit.set(id, (credit.get(id) ?? 0) - limits.slots);
    return id;
  });
}
