// SPDX-License-Identifier: Apache-2.0
/** Tables and parts of pages in Markdown, as Prettier would write them. */

/** A table whose columns are as wide as their longest cell. */
export function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map((cell) => cell.replaceAll('|', '\\|')));
  const widths = titles.map((title, at) =>
    Math.max(3, title.length, ...cells.map((row) => row[at]?.length ?? 0)),
  );
  const line = (row: readonly string[], fill = ' '): string =>
    `| ${widths.map((width, at) => (row[at] ?? '').padEnd(width, fill)).join(' | ')} |`;
  const rule = line(
    widths.map(() => ''),
    '-',
  );
  return [line(titles), rule, ...cells.map((row) => line(row))].join('\n');
}

/** A text as code. */
export function code(text: string): string {
  return `\`${text}\``;
}

/** Where GitHub finds a heading. */
export function anchor(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^a-z0-9 _-]/g, '')
    .replaceAll(' ', '-');
}

/**
 * A page whose parts are made anew: what stands between `<!-- build:docs NAME -->`
 * and `<!-- end -->`. Throws where a part is missing, or one that nobody makes is there.
 */
export function withParts(
  page: string,
  text: string,
  parts: Readonly<Record<string, string>>,
): string {
  const left = new Set(Object.keys(parts));
  const whole = text.replaceAll(
    /(<!-- build:docs ([\w-]+) -->\n)[\s\S]*?(<!-- end -->)/g,
    (_all, begin: string, name: string, end: string) => {
      const part = parts[name];
      if (part === undefined) throw new TypeError(`${page}: nobody makes the part ${name}`);
      left.delete(name);
      return `${begin}\n${part}\n\n${end}`;
    },
  );
  if (left.size > 0) throw new TypeError(`${page}: the part ${[...left].join(', ')} is missing`);
  return whole;
}
