// SPDX-License-Identifier: Apache-2.0
/** Times of the monotonic clock, which the data plane writes down, as times of day. */
import type { Clock } from '../../api/chain/clock.js';

/** Nanoseconds of CLOCK_MONOTONIC. */
export function monotonicNs(): bigint {
  return process.hrtime.bigint();
}

/**
 * The wall clock tells whole milliseconds, so each look at it says between which two bounds the
 * difference of the clocks lies. What all looks allow is kept: times do not jump to and fro, and where the
 * wall clock was set they follow.
 */
export class Epoch {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #monotonicNs: () => bigint;
  #offsetMs: number | undefined;

  constructor(clock: Pick<Clock, 'now'>, monotonic: () => bigint = monotonicNs) {
    this.#clock = clock;
    this.#monotonicNs = monotonic;
  }

  /** Look at both clocks. */
  look(): void {
    const atMs = Number(this.#monotonicNs()) / 1e6;
    const least = this.#clock.now() - atMs;
    this.#offsetMs = Math.min(Math.max(this.#offsetMs ?? least, least), least + 1);
  }

  /** Now, in milliseconds since 1970, with a fraction. */
  now(): number {
    this.look();
    return this.of(this.#monotonicNs());
  }

  /** The same of a time of the monotonic clock, by the last look. */
  of(ns: bigint): number {
    if (this.#offsetMs === undefined) this.look();
    const ms = Number(ns) / 1e6 + (this.#offsetMs ?? 0);
    return Math.round(ms * 1000) / 1000;
  }
}
