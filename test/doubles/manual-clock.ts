// SPDX-License-Identifier: Apache-2.0
/** A clock that tests turn by hand. */
import type { Clock, Timer } from '../../api/chain/clock.js';

interface Waiting {
  readonly atMs: number;
  readonly act: () => void;
}

/** A {@link Clock} that stands still until told. */
export class ManualClock implements Clock {
  #nowMs: number;
  readonly #waiting = new Set<Waiting>();

  constructor(nowMs = Date.UTC(2026, 0, 1)) {
    this.#nowMs = nowMs;
  }

  now(): number {
    return this.#nowMs;
  }

  after(delayMs: number, act: () => void): Timer {
    const waiting = { atMs: this.#nowMs + Math.max(delayMs, 0), act };
    this.#waiting.add(waiting);
    const cancel = (): void => {
      this.#waiting.delete(waiting);
    };
    return { cancel, [Symbol.dispose]: cancel };
  }

  /** How many timers have not fired yet. */
  get timers(): number {
    return this.#waiting.size;
  }

  /** Go on by `ms`, firing what falls due, in order; lets promises settle before and between timers. */
  async advance(ms: number): Promise<void> {
    await settle();
    const end = this.#nowMs + ms;
    for (;;) {
      const [next] = [...this.#waiting].sort((a, b) => a.atMs - b.atMs);
      if (next === undefined || next.atMs > end) break;
      this.#waiting.delete(next);
      this.#nowMs = next.atMs;
      next.act();
      await settle();
    }
    this.#nowMs = end;
    await settle();
  }
}

/** Let everything that is ready run. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
