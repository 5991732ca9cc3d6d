// SPDX-License-Identifier: Apache-2.0
/** Help text and Markdown made from a table: the facts are written once, in `config.ts`. */
import type { Table, Variable } from './table.js';

/** The table for a terminal: name and default on one line, the sentences indented below. */
export function helpTable(table: Table, columns = 80): string {
  return Object.entries(table)
    .flatMap(([name, about]) => [
      `  ${name}${setting(about)}`,
      ...wrap(sentences(about), columns - 6).map((line) => `      ${line}`),
    ])
    .join('\n');
}

/** The table for the docs. */
export function markdownTable(table: Table): string {
  const rows = Object.entries(table).map(([name, about]) =>
    [`\`${name}\``, inMarkdown(about), escaped(about.shape), escaped(meaning(about))].join(' | '),
  );
  return ['Variable | Default | Value | Meaning', '--- | --- | --- | ---', ...rows]
    .map((row) => `| ${row} |`)
    .join('\n');
}

function setting(about: Variable<unknown>): string {
  if (about.required === true) return ' (required)';
  if (about.default === undefined || about.default === '') return '';
  return ` (${about.default})`;
}

function inMarkdown(about: Variable<unknown>): string {
  if (about.required === true) return '*required*';
  if (about.default === undefined) return '';
  return about.default === '' ? '*empty*' : `\`${escaped(about.default)}\``;
}

function meaning(about: Variable<unknown>): string {
  return about.unused === undefined
    ? about.description
    : `${about.description} Accepted and not used: ${about.unused}.`;
}

function sentences(about: Variable<unknown>): string {
  return `${meaning(about)} Value: ${about.shape}.`;
}

function escaped(text: string): string {
  return text.replaceAll('|', '\\|');
}

function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = '';
    }
    line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
