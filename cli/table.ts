// SPDX-License-Identifier: Apache-2.0
/** Rows in columns for a terminal. */

/** A table that may grow: a longer cell widens its column from there on. */
export interface Columns {
  /** One line; cells are padded to the widths so far. */
  readonly line: (cells: readonly string[]) => string;
}

const gap = '  ';

/** Columns as wide as the longest of `rows`, to begin with. */
export function columns(rows: readonly (readonly string[])[]): Columns {
  const widths: number[] = [];
  const widen = (row: readonly string[]): void => {
    for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length);
  };
  for (const row of rows) widen(row);
  return {
    line(cells) {
      widen(cells);
      const padded = cells.map((cell, at) => cell.padEnd(widths[at] ?? 0));
      return padded.join(gap).trimEnd();
    },
  };
}

/** What a peer sent, made harmless for a terminal: no control characters. */
export function printable(text: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, '?');
}

/** Labels as `a=b,c=d`; `-` where there are none. */
export function labelText(labels: Readonly<Record<string, string>>): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
  return parts.length === 0 ? '-' : printable(parts.join(','));
}
