// SPDX-License-Identifier: Apache-2.0
/** "Did you mean ...?" for names that nobody knows. */

/** How many letters must be added, dropped or changed to make one text of the other (Levenshtein). */
export function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let line = 0; line < a.length; line++) {
    const next = [line + 1];
    for (let column = 0; column < b.length; column++) {
      const changed = (row[column] ?? 0) + (a[line] === b[column] ? 0 : 1);
      next.push(Math.min(changed, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** The known name most like `name`; none where even that is another word. */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  let best: string | undefined;
  let least = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    const away = distance(name, candidate);
    if (away < least) [best, least] = [candidate, away];
  }
  return best;
}
