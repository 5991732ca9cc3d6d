// SPDX-License-Identifier: Apache-2.0
/** Known names in the order in which they are likely to have been meant. */
import { distance } from '../../api/env/nearest.js';

/** Enough to choose from. */
const most = 10;

/** The known names, those most like `wanted` first; of many, only the first, and how many more. */
export function nearestFirst(wanted: string, known: readonly string[]): readonly string[] {
  const away = new Map(known.map((name) => [name, distanceTo(wanted, name)]));
  const sorted = [...away.keys()].toSorted((a, b) => {
    return (away.get(a) ?? 0) - (away.get(b) ?? 0) || (a < b ? -1 : 1);
  });
  const rest = sorted.length - most;
  return rest > 0 ? [...sorted.slice(0, most), `and ${String(rest)} more`] : sorted;
}

/** A part of the name is nearer than another name. */
function distanceTo(wanted: string, name: string): number {
  return name.includes(wanted) ? 0 : distance(wanted, name);
}
