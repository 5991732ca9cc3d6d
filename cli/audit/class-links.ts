// SPDX-License-Identifier: Apache-2.0
/** Which links a class uses, in which order: the same as `forwarder/steering/slots.ts`, by links instead of strands. */
import { classOf } from '../../api/site/classes.js';
import type { PolicyClass, SteeringPolicy } from '../../api/site/types.js';
import type { BookLink } from './link-book.js';

/** Some links of a class: those of a level are used while none of an earlier one can be. */
export interface Level {
  /** The class that they are of; nothing for the links of no class that it names. */
  readonly class: string | undefined;
  readonly links: readonly string[];
}

/** The levels of a class: its own links, its fallbacks', then any other unless it is strict. A link stands in its first. */
export function levelsOf(
  policy: SteeringPolicy,
  name: string,
  links: readonly BookLink[],
): readonly Level[] {
  const own = classOf(policy, name);
  const classes = [own, ...own.fallback.map((one) => classOf(policy, one))];
  const left = new Set(links);
  const take = (of: string | undefined, fits: (link: BookLink) => boolean): Level => {
    const taken = [...left].filter(fits);
    for (const link of taken) left.delete(link);
    return { class: of, links: taken.map((link) => link.name) };
  };
  const levels = classes.map((one) => take(one.name, (link) => names(one, link)));
  return own.strict ? levels : [...levels, take(undefined, () => true)];
}

function names(one: PolicyClass, link: BookLink): boolean {
  return one.links.some(
    (entry) =>
      (entry.name === undefined || entry.name === link.name) &&
      (entry.class === undefined || entry.class === link.class),
  );
}
