// SPDX-License-Identifier: Apache-2.0
/** Lists and labels, split at commas. A comma inside a value cannot be written, as in NSM's commands. */
import { variable } from './table.js';

/** Names and values. */
export type Labels = Readonly<Record<string, string>>;

/** The items of a comma list, trimmed; the empty text has none. */
export function parseList(value: string): readonly string[] {
  if (value.trim() === '') return [];
  const items = value.split(',').map((item) => item.trim());
  if (items.includes('')) throw new Error('has an empty item');
  return items;
}

/** Words split at commas. */
export const list = variable('a comma list such as a,b', parseList, { mayBeEmpty: true });

function labelsBy(sign: ':' | '='): (value: string) => Labels {
  const other = sign === ':' ? '=' : ':';
  return (value) => {
    // Map, not assignment: a label called __proto__ is a label.
    const labels = new Map<string, string>();
    for (const item of parseList(value)) {
      const at = item.indexOf(sign);
      if (at < 0) {
        const hint = item.includes(other) ? ` (it has ${JSON.stringify(other)})` : '';
        throw new Error(`has no ${JSON.stringify(sign)} in ${JSON.stringify(item)}${hint}`);
      }
      const key = item.slice(0, at).trim();
      if (key === '') throw new Error(`has no name in ${JSON.stringify(item)}`);
      if (labels.has(key)) throw new Error(`names ${JSON.stringify(key)} twice`);
      labels.set(key, item.slice(at + 1).trim());
    }
    return Object.fromEntries(labels);
  };
}

/** Labels of an endpoint or a forwarder: `k:v,k:v`. */
export const labelsColon = variable('labels such as app:db,tier:1', labelsBy(':'), {
  mayBeEmpty: true,
});

/** Labels of a client: `k=v,k=v`. */
export const labelsEquals = variable('labels such as app=db,tier=1', labelsBy('='), {
  mayBeEmpty: true,
});
