// SPDX-License-Identifier: Apache-2.0
/** Pauses between attempts that grow, and that can be cut short. */
import type { Clock, Timer } from '../chain/clock.js';

const firstMs = 100;
const longestMs = 2_000;

/** 100 ms, doubled with each failure up to 2 s. */
export class Backoff {
  #nextMs = firstMs;

  /** The pause after one more failure. */
  next(): number {
    const pauseMs = this.#nextMs;
    this.#nextMs = Math.min(pauseMs * 2, longestMs);
    return pauseMs;
  }

  /** It worked. */
  reset(): void {
    this.#nextMs = firstMs;
  }
}

/** An alarm for one sleeper; one that rings while nobody sleeps is heard at the next sleep. */
export class Wake {
  #rung = false;
  #sleeper: (() => void) | undefined;
  #timer: Timer | undefined;

  /** Wake the sleeper now. */
  now(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#rung = true;
    this.#sleeper?.();
  }

  /** Ring once, `delayMs` from now, unless it rings before. */
  within(clock: Clock, delayMs: number): void {
    this.#timer ??= clock.after(delayMs, () => {
      this.now();
    });
  }

  /** Sleep for `delayMs` (Infinity: until woken). */
  async after(clock: Clock, delayMs: number): Promise<void> {
    if (!this.#rung) {
      await new Promise<void>((resolve) => {
        const timer = delayMs === Infinity ? undefined : clock.after(delayMs, resolve);
        this.#sleeper = () => {
          timer?.cancel();
          resolve();
        };
      });
    }
    this.#sleeper = undefined;
    this.#rung = false;
  }
}
