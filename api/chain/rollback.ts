// SPDX-License-Identifier: Apache-2.0
/** Undo that is registered before the act and runs, newest first, unless committed. */
import { detached, type Call } from './call.js';

/** One undo; idempotent, because the act it undoes may not have happened. */
export type Undo = (late: Call) => Promise<void>;

/**
 * `await using rollback = new Rollback(call)`, then `add` before each act and
 * `commit` at the end. Leaving the block uncommitted runs every undo on a
 * detached call with a deadline of its own; a failing undo is logged and does
 * not keep the others from running, nor hide the failure that led here.
 */
export class Rollback implements AsyncDisposable {
  readonly #call: Call;
  #undos: Undo[] = [];

  constructor(call: Call) {
    this.#call = call;
  }

  /** Register an undo before the act. */
  add(undo: Undo): void {
    this.#undos.push(undo);
  }

  /** All went well: nothing is to be undone. */
  commit(): void {
    this.#undos = [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const undos = this.#undos.reverse();
    this.#undos = [];
    if (undos.length === 0) return;
    const late = detached(this.#call);
    for (const undo of undos) {
      try {
        await undo(late);
      } catch (reason) {
        this.#call.log.error({ err: reason }, 'undo failed');
      }
    }
  }
}
