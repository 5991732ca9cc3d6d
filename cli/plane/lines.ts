// SPDX-License-Identifier: Apache-2.0
/** Tables of one screen: a title over each column, numbers to the right. */
import type { Paint } from '../paint.js';
import { columns, printable } from '../table.js';

/** One column of a table of `T`. */
export interface Column<T> {
  /** A number's title ends with the column, a text's begins with it. */
  readonly title: string;
  readonly text: (row: T) => string;
  readonly right?: boolean;
}

/** The lines of a table, the titles first; nothing without rows. */
export function tableLines<T>(
  rows: readonly T[],
  all: readonly Column<T>[],
  { dim }: Pick<Paint, 'dim'>,
  tone: (row: T) => (line: string) => string = () => String,
): string[] {
  if (rows.length === 0) return [];
  const cells = rows.map((row) => all.map(({ text }) => printable(text(row)) || '-'));
  const widths = all.map(({ title }, at) => {
    return cells.reduce((width, row) => Math.max(width, row[at]?.length ?? 0), title.length);
  });
  const aligned = (row: readonly string[]): string[] =>
    row.map((cell, at) => (all[at]?.right === true ? cell.padStart(widths[at] ?? 0) : cell));
  const titles = aligned(all.map(({ title }) => title));
  const { line } = columns([titles, ...cells]);
  return [dim(line(titles)), ...rows.map((row, at) => tone(row)(line(aligned(cells[at] ?? []))))];
}
