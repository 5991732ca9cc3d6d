// SPDX-License-Identifier: Apache-2.0
/** What the demo prints: titles, labelled rows and one small table. */
import { paint, type Paint } from '../paint.js';
import { columns } from '../table.js';

/** Where the demo's lines go. */
export interface Screen {
  title(text: string): void;
  row(label: string, ...values: readonly string[]): void;
  table(head: readonly string[], rows: readonly (readonly string[])[]): void;
}

const labelWidth = 13;

/** A screen on a stream. */
export function screen(out: NodeJS.WritableStream & { isTTY?: boolean }): Screen {
  const colours: Paint = paint(out);
  const line = (text: string): void => {
    out.write(`${text.trimEnd()}\n`);
  };
  return {
    title(text) {
      line('');
      line(colours.bold(text));
    },
    row(label, ...values) {
      values.forEach((value, at) => {
        const name = at === 0 ? label.padEnd(labelWidth) : ''.padEnd(labelWidth);
        line(`  ${colours.dim(name)}${value}`);
      });
    },
    table(head, rows) {
      const layout = columns([head, ...rows]);
      line(`  ${colours.dim(layout.line(head))}`);
      for (const row of rows) line(`  ${layout.line(row)}`);
    },
  };
}
