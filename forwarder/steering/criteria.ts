// SPDX-License-Identifier: Apache-2.0
/**
 * Prefixes that rules name, as entries of an LPM trie: the entry that a packet
 * finds, the longest, must say all rules that its field fits.
 */
import { type AddressPrefix, prefixOf } from '../../api/site/address-bytes.js';
import type { PortRange } from '../../api/site/types.js';
import { addRule, addRules, noRules, type RuleBits } from './criteria-bits.js';

/** Leading bits of an address or a port, and the rules that what begins with it fits, as far as this field goes. */
export interface Entry extends AddressPrefix {
  readonly bits: RuleBits;
}

/** Gathers the prefixes of one field. */
export class Prefixes {
  readonly #entries = new Map<string, Entry>();
  readonly #others: RuleBits;

  /** `bytes` is the width of the field; whatever it is, and also without it, a packet fits `others`. */
  constructor(bytes: number, others: RuleBits) {
    this.#others = others;
    addRules(this.#entry({ length: 0, data: new Uint8Array(bytes) }).bits, others);
  }

  /** What begins with the prefix fits the rule. */
  add(prefix: AddressPrefix, rule: number): void {
    addRule(this.#entry(prefix).bits, rule);
  }

  /** All entries, that of length 0 first; each has also the rules of the shorter ones. */
  entries(): readonly Entry[] {
    // In this order a prefix comes right after those that hold it.
    const inOrder = [...this.#entries].sort(([a], [b]) => (a < b ? -1 : 1));
    const holding: Entry[] = [];
    return inOrder.map(([, entry]) => {
      let around = holding.at(-1);
      while (around !== undefined && !holds(around, entry)) {
        holding.pop();
        around = holding.at(-1);
      }
      addRules(entry.bits, around?.bits ?? this.#others);
      holding.push(entry);
      return entry;
    });
  }

  #entry(prefix: AddressPrefix): Entry {
    const key = keyOf(prefix);
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      entry = { ...prefix, bits: noRules() };
      this.#entries.set(key, entry);
    }
    return entry;
  }
}

/** A canonical prefix such as `10.60.0.0/16`. */
export function addressPrefix(text: string): AddressPrefix {
  const prefix = prefixOf(text);
  if (prefix === undefined) throw new RangeError(`no prefix: ${text}`);
  return prefix;
}

const portBits = 16;

/** The fewest prefixes of a range; none of length 0, which also packets without ports find. */
export function portPrefixes({ from, to }: PortRange): readonly AddressPrefix[] {
  const prefixes: AddressPrefix[] = [];
  for (let first = from; first <= to;) {
    let size = 1;
    let length = portBits;
    while (length > 1 && first % (2 * size) === 0 && first + 2 * size - 1 <= to) {
      size *= 2;
      length--;
    }
    prefixes.push({ length, data: Uint8Array.of(first >> 8, first & 255) });
    first += size;
  }
  return prefixes;
}

/** Sorts by the bytes, then by the length. */
function keyOf({ length, data }: AddressPrefix): string {
  return String.fromCharCode(...data, length);
}

function holds(outer: AddressPrefix, inner: AddressPrefix): boolean {
  const { length, data } = outer;
  if (length > inner.length) return false;
  const whole = length >> 3;
  for (let at = 0; at < whole; at++) if (data[at] !== inner.data[at]) return false;
  const rest = 0xff00 >> (length & 7);
  return ((data[whole] ?? 0) & rest & 255) === ((inner.data[whole] ?? 0) & rest & 255);
}
