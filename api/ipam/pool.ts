// SPDX-License-Identifier: Apache-2.0
/**
 * The free addresses of one prefix, lowest first.
 *
 * Kept as sorted ranges: a pool nobody has used is one range, whatever its size, and taking the
 * lowest address is a look at the first one. Giving back is a binary search.
 */
import { parsePrefix, type Prefix, type Range } from './prefix.js';

/** A pool; one per prefix and endpoint. */
export class Pool {
  /** As configured. */
  readonly text: string;
  readonly prefix: Prefix;
  #free: Range[];
  #used = 0;

  constructor(text: string) {
    this.text = text;
    this.prefix = parsePrefix(text, 'IP pool');
    this.#free = [this.prefix];
  }

  /** How many addresses are taken. */
  get used(): number {
    return this.#used;
  }

  /** The lowest free address outside `excluded` (merged, of our family) is taken. */
  take(excluded: readonly Range[]): bigint | undefined {
    let skip = 0;
    for (const [at, { first, last }] of this.#free.entries()) {
      let candidate = first;
      while (candidate <= last) {
        while (skip < excluded.length && (excluded[skip] as Range).last < candidate) skip++;
        const out = excluded[skip];
        if (out === undefined || candidate < out.first) {
          this.#cut(at, candidate);
          return candidate;
        }
        candidate = out.last + 1n;
      }
    }
    return undefined;
  }

  /** Take this very address; false where it is not free or not ours. */
  claim(address: bigint): boolean {
    const at = this.#search(address);
    const range = this.#free[at];
    if (range === undefined || range.first > address) return false;
    this.#cut(at, address);
    return true;
  }

  /** Give back what `take` or `claim` took. */
  release(address: bigint): void {
    const at = this.#search(address);
    const after = this.#free[at];
    const before = this.#free[at - 1];
    const joinsBefore = before !== undefined && before.last + 1n === address;
    const joinsAfter = after !== undefined && address + 1n === after.first;
    const first = joinsBefore ? before.first : address;
    const last = joinsAfter ? after.last : address;
    const from = joinsBefore ? at - 1 : at;
    this.#free.splice(from, Number(joinsBefore) + Number(joinsAfter), { first, last });
    this.#used--;
  }

  /** Take `address` out of the range at `at`. */
  #cut(at: number, address: bigint): void {
    const { first, last } = this.#free[at] as Range;
    const left: Range[] = [];
    if (first < address) left.push({ first, last: address - 1n });
    if (address < last) left.push({ first: address + 1n, last });
    this.#free.splice(at, 1, ...left);
    this.#used++;
  }

  /** The first free range that ends at or after `address`. */
  #search(address: bigint): number {
    let low = 0;
    let high = this.#free.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#free[middle] as Range).last < address) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
