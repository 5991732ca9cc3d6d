// SPDX-License-Identifier: Apache-2.0
/**
 * Numbers for things with names: from 1, each given again as late as can be,
 * because packets and cached sessions may still know what it meant before.
 */
import { status } from '@grpc/grpc-js';
import { WireError } from '../../api/errors/wire-error.js';

/** See the head of this file. */
export class Numbers {
  readonly #what: string;
  readonly #end: number;
  readonly #byName = new Map<string, number>();
  readonly #byNumber = new Map<number, string>();
  #next = 1;
  #rounds = 0;

  /** Numbers below `end`; `what` they are of, for errors. */
  constructor(what: string, end: number) {
    this.#what = what;
    this.#end = end;
  }

  /** How often all numbers have been gone through. */
  get rounds(): number {
    return this.#rounds;
  }

  /** The number of that name, a new one where it has none. */
  of(name: string): number {
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    for (let tries = 1; tries < this.#end; tries++) {
      const number = this.#next;
      this.#next = number + 1 === this.#end ? 1 : number + 1;
      if (this.#next === 1) this.#rounds++;
      if (this.#byNumber.has(number)) continue;
      this.take(number, name);
      return number;
    }
    const most = String(this.#end - 1);
    throw new WireError(status.RESOURCE_EXHAUSTED, `${this.#what}: all ${most} are in use`);
  }

  /** The number of that name, nothing where it has none. */
  find(name: string): number | undefined {
    return this.#byName.get(name);
  }

  /** Know what a former life gave. */
  take(number: number, name: string): void {
    this.#byName.set(name, number);
    this.#byNumber.set(number, name);
  }

  /** Give it back. */
  free(number: number): void {
    const name = this.#byNumber.get(number);
    this.#byNumber.delete(number);
    if (name !== undefined && this.#byName.get(name) === number) this.#byName.delete(name);
  }
}
