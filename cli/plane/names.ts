// SPDX-License-Identifier: Apache-2.0
/** What the numbers in the maps mean, as the forwarder wrote it down. */
import { kinds, name, nameOf } from '../../bpf/loader/layout.js';
import type { Maps } from './maps.js';

/** What a number is of. */
export type Kind = keyof typeof kinds;

type Texts = Readonly<Record<string, string>>;

/** See the head of this file. */
export class Names {
  readonly #texts = new Map<string, Texts>();

  constructor(maps: Maps) {
    for (const [key, value] of maps.map('names').entries()) {
      const { kind, id } = nameOf.decode(key);
      this.#texts.set(`${String(kind)}:${String(id)}`, textsOf(name.decode(value).text));
    }
  }

  /** Nothing where the number means nothing. */
  get(kind: Kind, id: number): Texts | undefined {
    return this.#texts.get(`${String(kinds[kind])}:${String(id)}`);
  }

  /** One text of a number; `#7` where it has none, 7 being the number. */
  text(kind: Kind, id: number, key = 'name'): string {
    return this.get(kind, id)?.[key] ?? `#${String(id)}`;
  }

  /** All numbers of a kind that mean something, from the least. */
  ids(kind: Kind): readonly number[] {
    const prefix = `${String(kinds[kind])}:`;
    return [...this.#texts.keys()]
      .filter((key) => key.startsWith(prefix))
      .map((key) => Number(key.slice(prefix.length)))
      .sort((a, b) => a - b);
  }
}

/** What was read while it was written, or is none of ours, says nothing. */
function textsOf(bytes: Uint8Array): Texts {
  const end = bytes.indexOf(0);
  try {
    const text = Buffer.from(bytes.subarray(0, end < 0 ? undefined : end)).toString();
    const found: unknown = JSON.parse(text);
    if (typeof found !== 'object' || found === null) return {};
    const entries = Object.entries(found).filter(([, value]) => typeof value === 'string');
    return Object.fromEntries(entries);
  } catch {
    return {};
  }
}
