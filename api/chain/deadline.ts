// SPDX-License-Identifier: Apache-2.0
/** A signal that aborts at a time of a Clock or with another signal. Leaves neither timer nor listener once disposed. */
import type { Call } from './call.js';
import { abortReason, type Clock, type Timer } from './clock.js';

/** `using deadline = new Deadline(clock, ms, signal)`: a deadline of its own for one attempt. */
export class Deadline implements Disposable {
  readonly #abort = new AbortController();
  readonly #timer: Timer;
  readonly #parent: AbortSignal | undefined;
  readonly #onAbort = (): void => {
    this.cancel(abortReason(this.#parent));
  };
  /** Milliseconds since 1970. */
  readonly atMs: number;

  constructor(clock: Clock, timeoutMs: number, parent?: AbortSignal) {
    this.atMs = clock.now() + timeoutMs;
    this.#parent = parent;
    this.#timer = clock.after(timeoutMs, () => {
      this.cancel(new DOMException('the deadline passed', 'TimeoutError'));
    });
    if (parent?.aborted) this.#onAbort();
    else parent?.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** Aborted at the deadline, with the parent, or by {@link cancel}. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Abort now. */
  cancel(reason: Error): void {
    this[Symbol.dispose]();
    this.#abort.abort(reason);
  }

  /** The same call under this deadline. */
  over(call: Call): Call {
    return { ...call, signal: this.signal, deadlineMs: this.atMs };
  }

  /** Nothing will be aborted any more. */
  [Symbol.dispose](): void {
    this.#timer.cancel();
    this.#parent?.removeEventListener('abort', this.#onAbort);
  }
}
