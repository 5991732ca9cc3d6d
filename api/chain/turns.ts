// SPDX-License-Identifier: Apache-2.0
/** One at a time, in the order of asking. Who gives up while waiting leaves the line. */
import { abortReason } from './clock.js';

/** A turn; disposing it lets the next one in. */
export type Turn = Disposable;

interface Waiting {
  readonly enter: () => void;
}

/** A line of callers. */
export class Turns {
  readonly #line: Waiting[] = [];
  #taken = false;

  /** Whether nobody has a turn or waits for one. */
  get idle(): boolean {
    return !this.#taken;
  }

  /** Wait for a turn; rejects with the signal's reason when that aborts first. */
  take(signal: AbortSignal): Promise<Turn> {
    if (signal.aborted) return Promise.reject(abortReason(signal));
    if (!this.#taken) {
      this.#taken = true;
      return Promise.resolve(this.#turn());
    }
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#line.splice(this.#line.indexOf(waiting), 1);
        reject(abortReason(signal));
      };
      const waiting: Waiting = {
        enter: () => {
          signal.removeEventListener('abort', onAbort);
          resolve(this.#turn());
        },
      };
      this.#line.push(waiting);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  #turn(): Turn {
    let over = false;
    return {
      [Symbol.dispose]: () => {
        if (over) return;
        over = true;
        const next = this.#line.shift();
        if (next === undefined) this.#taken = false;
        else next.enter();
      },
    };
  }
}
