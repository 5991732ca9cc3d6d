// SPDX-License-Identifier: Apache-2.0
/**
 * Sees to it that the prober runs: at the start, and again when it has died. One
 * that dies at once is started more and more seldom.
 *
 * Leaves: the prober, on purpose. It ends when its plane is removed.
 */
import { resolve } from 'node:path';
import { systemClock, type Clock } from '../../api/chain/clock.js';
import type { Logger } from '../../api/log/log.js';
import { ensureProber } from '../../bpf/prober/prober.js';
import { findProber } from '../../bpf/prober/running.js';
import type { ProberCare } from './watcher.js';

/** What {@link KeptProber} works with. */
export interface KeptProberOptions {
  /** Start it, or find the one that runs; resolves to its pid. */
  readonly ensure: () => Promise<number>;
  readonly runs: (pid: number) => boolean;
  readonly clock: Pick<Clock, 'now'>;
  readonly log: Logger;
}

/** Of the plane whose pins are in that directory. */
export function keptProber(directory: string, log: Logger): KeptProber {
  return new KeptProber({
    ensure: async () => (await ensureProber(directory, { log })).pid,
    runs: (pid) => findProber(resolve(directory))?.pid === pid,
    clock: systemClock,
    log,
  });
}

const firstWaitMs = 100;
const longestWaitMs = 30_000;
/** One that ran for so long did not die at once. */
const goodMs = 10_000;

/** See the head of this file. */
export class KeptProber implements ProberCare {
  readonly #options: KeptProberOptions;
  #pid: number | undefined;
  #isStarting = false;
  #startedMs = 0;
  #waitMs = firstWaitMs;
  #notBeforeMs = 0;

  constructor(options: KeptProberOptions) {
    this.#options = options;
  }

  get pid(): number | undefined {
    return this.#pid;
  }

  look(): void {
    const { runs, clock, log } = this.#options;
    const now = clock.now();
    if (this.#isStarting) return;
    if (this.#pid !== undefined) {
      if (runs(this.#pid)) return;
      log.warn({ pid: this.#pid }, 'the prober has ended: starting it again');
      this.#pid = undefined;
      if (now - this.#startedMs >= goodMs) this.#waitMs = firstWaitMs;
    }
    // A clock that was set back must not keep us waiting.
    if (now < this.#notBeforeMs && this.#notBeforeMs - now <= longestWaitMs) return;
    void this.start();
  }

  /** Start it now; resolves when it runs, or was refused in the log. */
  async start(): Promise<void> {
    const { ensure, clock, log } = this.#options;
    this.#isStarting = true;
    try {
      this.#pid = await ensure();
    } catch (reason) {
      log.error({ err: reason }, 'the prober cannot be started: links are not measured');
    }
    this.#isStarting = false;
    this.#startedMs = clock.now();
    this.#notBeforeMs = this.#startedMs + this.#waitMs;
    this.#waitMs = Math.min(this.#waitMs * 2, longestWaitMs);
  }
}
