// SPDX-License-Identifier: Apache-2.0
/** The strands of a class in the order in which they are come to, and how each is. Pure. */
import { classOf } from '../../api/site/classes.js';
import type { PolicyClass, SteeringPolicy } from '../../api/site/types.js';
import type { DownReason, PlaneLink, PlaneStrand } from '../plane/types.js';
import type { Decision } from './decide.js';

/** A strand that the class may use. */
export interface Candidate {
  /** From 1: the class's own links; then what is used while none of those before can be. */
  readonly level: number;
  /** Whose links these are: a class, or `any other link`; null where only tables are known. */
  readonly of: string | null;
  readonly strand: string;
  readonly link: string;
  /** Of the level's slots, in percent: 64 are shared by weight. */
  readonly sharePercent: number;
  readonly state: PlaneStrand['state'];
  readonly down: readonly DownReason[];
  readonly chosen: boolean;
}

/** What the numbers in the slots mean. */
export interface Known {
  readonly strands: readonly PlaneStrand[];
  readonly links: readonly Pick<PlaneLink, 'name' | 'class'>[];
}

const rest = 'any other link';

/** One for each strand of each level. */
export function candidatesOf(
  levels: readonly (readonly number[])[],
  { strands, links }: Known,
  levelNames: (linksOfLevel: readonly Pick<PlaneLink, 'name' | 'class'>[]) => string | null,
  decision: Pick<Decision, 'strand' | 'by'>,
): readonly Candidate[] {
  const byId = new Map(strands.map((one) => [one.id, one]));
  return levels.flatMap((slots, at) => {
    const ids = [...new Set(slots)].filter((id) => id !== 0);
    const own = ids.map((id) => byId.get(id)?.link ?? '');
    const of = levelNames(links.filter(({ name }) => own.includes(name)));
    return ids.map((id): Candidate => {
      const { name = `#${String(id)}`, link = '', state = 'down', down = [] } = byId.get(id) ?? {};
      const count = slots.filter((one) => one === id).length;
      const sharePercent = Math.round((count / slots.length) * 1000) / 10;
      const chosen = id === decision.strand;
      return { level: at + 1, of, strand: name, link, sharePercent, state, down, chosen };
    });
  });
}

/** Names levels, which are asked for in order: empty ones are left out of the tables. */
export function levelNamer(policy: SteeringPolicy, className: string) {
  const own = classOf(policy, className);
  const left = [own, ...own.fallback.map((name) => classOf(policy, name))];
  return (links: readonly Pick<PlaneLink, 'name' | 'class'>[]): string => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const one = next;
      if (links.some((link) => uses(one, link))) return one.name;
    }
    return rest;
  };
}

function uses({ links }: PolicyClass, link: Pick<PlaneLink, 'name' | 'class'>): boolean {
  return links.some(
    ({ name, class: of }) => (name ?? link.name) === link.name && (of ?? link.class) === link.class,
  );
}
