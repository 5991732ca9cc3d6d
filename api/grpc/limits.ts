// SPDX-License-Identifier: Apache-2.0
/** Sizes a message may have, and the checks that name the field which breaks one. */
import { invalid } from '../errors/wire-error.js';

/** Far above what any real message holds, far below what hurts. */
export const limits = {
  /** Bytes of one message; grpc-js refuses more with RESOURCE_EXHAUSTED. */
  message: 1_048_576,
  /** Bytes of one answer: a monitor's initial state holds every connection of a hop. */
  answer: 67_108_864,
  name: 512,
  token: 16_384,
  key: 512,
  value: 16_384,
  entries: 256,
  segments: 64,
  mechanisms: 32,
  list: 1_024,
} as const;

/** A map as ts-proto decodes it. */
export type Texts = Readonly<Record<string, string>>;

/** Refuse a text of more than `most` characters. */
export function text(field: string, value: string, most: number = limits.name): void {
  if (value.length > most) {
    throw invalid(field, `${String(value.length)} characters`, `at most ${String(most)}`);
  }
}

/** Refuse a list of more than `most` entries; `each` checks one. */
export function list<T>(
  field: string,
  values: readonly T[],
  most: number,
  each: (field: string, value: T) => void,
): void {
  if (values.length > most) {
    throw invalid(field, `${String(values.length)} entries`, `at most ${String(most)}`);
  }
  for (let at = 0; at < values.length; at++) each(`${field}[${String(at)}]`, values[at] as T);
}

/** Refuse a map that is too large or has a key that would hide behind a prototype. */
export function keys(field: string, map: object): readonly string[] {
  const names = Object.keys(map);
  if (names.length > limits.entries) {
    throw invalid(field, `${String(names.length)} entries`, `at most ${String(limits.entries)}`);
  }
  // An assignment to this key changed the prototype instead of adding an entry.
  if (Object.getPrototypeOf(map) !== Object.prototype || Object.hasOwn(map, '__proto__')) {
    throw invalid(field, '__proto__', 'another key');
  }
  for (const name of names) text(`${field}: key`, name, limits.key);
  return names;
}

/** Check a map of texts. */
export function texts(field: string, map: Texts): void {
  for (const key of keys(field, map)) text(`${field}.${key}`, map[key] ?? '', limits.value);
}
