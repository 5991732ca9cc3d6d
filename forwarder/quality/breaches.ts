// SPDX-License-Identifier: Apache-2.0
/** The SLAs that a strand breaks: since when, why, and when it may be trusted with each again. */
import type { SlaGroup } from './engine-strand.js';
import type { History, Windows } from './history.js';
import { HoldDown } from './hold-down.js';
import type { QualitySettings } from './profiles.js';
import type { StrandSample } from './sample.js';
import { judge, keeps } from './verdict.js';

interface Breach {
  readonly sinceMs: number;
  untilMs: number;
  readonly text: string;
  /** When it last looked as if it broke it. */
  badMs: number;
}

/** See the head of this file. */
export class Breaches {
  readonly #open = new Map<number, Breach>();
  readonly #holds = new Map<number, HoldDown>();

  /** In order. */
  get numbers(): readonly number[] {
    return [...this.#open.keys()].toSorted((a, b) => a - b);
  }

  get isNone(): boolean {
    return this.#open.size === 0;
  }

  /** Why, of each. */
  get text(): string {
    return [...this.#open.values()].map(({ text }) => text).join('; ');
  }

  has(number: number): boolean {
    return this.#open.has(number);
  }

  /** Since when it breaks this one; long ago if it does not. */
  sinceMs(number: number): number {
    return this.#open.get(number)?.sinceMs ?? -Infinity;
  }

  /** It breaks one more. */
  add(number: number, text: string, nowMs: number, settings: QualitySettings): void {
    const hold = this.#holds.get(number) ?? new HoldDown();
    this.#holds.set(number, hold);
    hold.failed(nowMs);
    const untilMs = nowMs + hold.lengthMs(settings);
    this.#open.set(number, { sinceMs: nowMs, untilMs, text, badMs: nowMs });
  }

  /** It is trusted with this one again. */
  close(number: number, nowMs: number): void {
    this.#open.delete(number);
    this.#holds.get(number)?.trusted(nowMs);
  }

  /** Another SLA by this number, or none of its classes uses the strand: what was found is void. */
  forget(number: number): void {
    this.#open.delete(number);
    this.#holds.delete(number);
  }

  /** Nothing was judged for so long. */
  postpone(forMs: number): void {
    for (const breach of this.#open.values()) breach.untilMs += forMs;
  }

  /** Once a second: for how long it has kept an SLA that it broke, where that is enough to trust it. */
  keptMs(
    { number, sla }: SlaGroup,
    sample: StrandSample,
    history: History,
    windows: Windows | undefined,
    recoverWindowMs: number,
  ): number | undefined {
    const breach = this.#open.get(number);
    if (breach === undefined) return undefined;
    const { atMs } = sample;
    if (windows === undefined || judge(windows, sla).looksBad) breach.badMs = atMs;
    if (atMs < breach.untilMs || atMs - breach.badMs < recoverWindowMs) return undefined;
    const tally = history.window(sample, recoverWindowMs);
    if (tally === undefined || tally.spanMs < recoverWindowMs) return undefined;
    if (!keeps(tally, sla)) return undefined;
    return tally.spanMs;
  }
}
