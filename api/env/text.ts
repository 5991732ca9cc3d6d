// SPDX-License-Identifier: Apache-2.0
/** Variables of one word: text, one of several words, yes or no, a number. */
import { variable, type Kind } from './table.js';

/** Any text. */
export const text = variable('text', (value) => value, { mayBeEmpty: true });

/** A text that says something: a name, a path. */
export const name = variable('text that is not empty', (value) => value);

/** One of the given words. */
export function oneOf<const Word extends string>(...words: readonly Word[]): Kind<Word> {
  return variable(words.join(' or '), (value) => {
    const found = words.find((word) => word === value);
    if (found === undefined) throw new Error('is none of the known words');
    return found;
  });
}

const booleans = new Map([
  ...['1', 't', 'T', 'TRUE', 'true', 'True'].map((word) => [word, true] as const),
  ...['0', 'f', 'F', 'FALSE', 'false', 'False'].map((word) => [word, false] as const),
]);

/** Yes or no, in any of Go's spellings. */
export const boolean = variable('true or false', (value) => {
  const found = booleans.get(value);
  if (found === undefined) throw new Error('is neither true nor false');
  return found;
});

/** A whole number from `min` to `max`. */
export function integer(min = 0, max = Number.MAX_SAFE_INTEGER): Kind<number> {
  const range =
    max === Number.MAX_SAFE_INTEGER
      ? `of ${String(min)} or more`
      : `from ${String(min)} to ${String(max)}`;
  return variable(`a whole number ${range}`, (value) => {
    if (!/^[+-]?\d+$/.test(value)) throw new Error('is no whole number');
    const number = Number(value);
    if (number < min || number > max) throw new Error('is out of range');
    return number;
  });
}
