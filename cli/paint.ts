// SPDX-License-Identifier: Apache-2.0
/** Colour, where it helps: on a terminal, unless NO_COLOR says otherwise. */
import { readEnvironment } from '../api/env/read-environment.js';
import { text } from '../api/env/text.js';

/** Wraps texts in a style; does nothing where there is no colour. */
export interface Paint {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly red: (text: string) => string;
  readonly green: (text: string) => string;
  readonly yellow: (text: string) => string;
}

const table = {
  NO_COLOR: text({ default: '', description: 'Anything but the empty text turns colour off.' }),
  TERM: text({ default: '', description: 'A terminal called dumb gets no colour.' }),
};

/** The styles for a stream. */
export function paint(out: { readonly isTTY?: boolean }): Paint {
  const { config } = readEnvironment(table);
  const colour = out.isTTY === true && config.NO_COLOR === '' && config.TERM !== 'dumb';
  const style =
    (on: number, off: number) =>
    (text: string): string =>
      colour ? `\u001b[${String(on)}m${text}\u001b[${String(off)}m` : text;
  return {
    bold: style(1, 22),
    dim: style(2, 22),
    red: style(31, 39),
    green: style(32, 39),
    yellow: style(33, 39),
  };
}
