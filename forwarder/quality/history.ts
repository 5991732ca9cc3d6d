// SPDX-License-Identifier: Apache-2.0
/**
 * What probes told of one strand lately: samples, and what lies between two of
 * them. Of the newest seconds all that was kept, of older ones one a second.
 */
import { tcpBetween, tcpMeasured, type TcpTally } from './evidence.js';
import type { QualitySettings } from './profiles.js';
import type { StrandSample } from './sample.js';
import type { Measured } from './states.js';

/** What happened between two samples. */
export interface Tally {
  readonly spanMs: number;
  readonly probes: number;
  readonly lost: number;
  readonly answers: number;
  readonly rttSumMs: number;
  readonly jitterSumMs: number;
  readonly lostOut: number;
  readonly lostBack: number;
  /** Where there is enough of it. */
  readonly tcp?: TcpTally | undefined;
}

/** Fewer answers than this tell nothing of a mean, fewer probes nothing of loss. */
export const leastAnswers = 10;

/** The windows of a verdict: `long` is `before` and `short`. */
export interface Windows {
  readonly short: Tally;
  readonly before: Tally;
  readonly long: Tally;
}

interface Entry {
  readonly sample: StrandSample;
  readonly isSecond: boolean;
}

/** See the head of this file. */
export class History {
  /** Oldest first. */
  #entries: Entry[] = [];
  #markMs = -Infinity;

  /** Counters that go back are of other maps: what was known is void. */
  fits(sample: StrandSample): boolean {
    const last = this.#entries.at(-1)?.sample;
    return last === undefined || (sample.sent >= last.sent && sample.judged >= last.judged);
  }

  clear(): void {
    this.#entries = [];
  }

  /** Windows of a verdict begin here at the earliest: before, it was not in use. */
  mark(nowMs: number): void {
    this.#markMs = nowMs;
  }

  /** Keep a sample; all of the last `fineMs`, and of `coarseMs` what is `isSecond`. */
  keep(sample: StrandSample, isSecond: boolean, fineMs: number, coarseMs: number): void {
    this.#entries.push({ sample, isSecond });
    const oldest = sample.atMs - coarseMs;
    const fine = sample.atMs - fineMs;
    // One beyond the oldest stays: windows begin there.
    let first = this.#entries.findIndex((entry) => entry.sample.atMs > oldest);
    first = Math.max(0, first - 1);
    if (first > 0 || this.#hasCoarse(fine)) {
      this.#entries = this.#entries.filter(
        (entry, at) => at >= first && (entry.isSecond || entry.sample.atMs >= fine),
      );
    }
  }

  #hasCoarse(fine: number): boolean {
    const first = this.#entries.find((entry) => !entry.isSecond);
    return first !== undefined && first.sample.atMs < fine;
  }

  /**
   * What lies between now and at least `windowMs` ago, with at least `least`
   * probes; as much as there is where there is less. Nothing without any sample.
   */
  window(now: StrandSample, windowMs: number, least = 0, beyondMark = false): Tally | undefined {
    const from = this.#startOf(now, windowMs, least, beyondMark);
    return from && between(from, now);
  }

  /** The two windows that must agree; nothing while there is too little of either. */
  windows(now: StrandSample, shortMs: number, longMs: number): Windows | undefined {
    const middle = this.#startOf(now, shortMs, leastAnswers, false);
    if (middle === undefined || now.atMs - middle.atMs < shortMs) return undefined;
    const least = now.judged - middle.judged + leastAnswers;
    const start = this.#startOf(now, longMs, least, false);
    if (start === undefined) return undefined;
    const windows = {
      short: between(middle, now),
      before: between(start, middle),
      long: between(start, now),
    };
    if (windows.short.probes < leastAnswers || windows.before.probes < leastAnswers) {
      return undefined;
    }
    return windows;
  }

  /** The same with a long window that is longer, up to that of recovery. */
  longerWindows(now: StrandSample, settings: QualitySettings): Windows[] {
    const { shortWindowMs, longWindowMs, recoverWindowMs } = settings;
    return [2 * longWindowMs, 4 * longWindowMs, recoverWindowMs]
      .map((longMs) => this.windows(now, shortWindowMs, longMs))
      .filter((windows) => windows !== undefined);
  }

  #startOf(
    now: StrandSample,
    windowMs: number,
    least: number,
    beyondMark: boolean,
  ): StrandSample | undefined {
    let found: StrandSample | undefined;
    for (let at = this.#entries.length - 1; at >= 0; at--) {
      const sample = this.#entries[at]?.sample;
      if (sample === undefined || (!beyondMark && sample.atMs < this.#markMs)) break;
      found = sample;
      if (now.atMs - sample.atMs >= windowMs && now.judged - sample.judged >= least) break;
    }
    return found;
  }
}

/** What happened from one sample to another. */
export function between(from: StrandSample, to: StrandSample): Tally {
  const unanswered = to.lost - from.lost - (to.late - from.late);
  return {
    spanMs: to.atMs - from.atMs,
    probes: to.judged - from.judged,
    // Late answers may be of probes that were judged before the window began.
    lost: Math.max(0, Math.min(to.judged - from.judged, unanswered)),
    answers: to.received - from.received,
    rttSumMs: to.rttSumMs - from.rttSumMs,
    jitterSumMs: to.jitterSumMs - from.jitterSumMs,
    lostOut: to.lostOut - from.lostOut,
    lostBack: to.lostBack - from.lostBack,
    tcp: tcpBetween(from.tcp, to.tcp),
  };
}

/** In the words of states and events. */
export function measured(tally: Tally | undefined): Measured {
  if (tally === undefined) return { windowMs: 0, probes: 0, answers: 0 };
  const { spanMs, probes, answers, rttSumMs, jitterSumMs, lost, lostOut, lostBack, tcp } = tally;
  const percent = (count: number) => rounded((100 * count) / probes);
  return {
    windowMs: spanMs,
    probes,
    answers,
    ...(answers >= leastAnswers && {
      rttMs: rounded(rttSumMs / answers),
      jitterMs: rounded(jitterSumMs / answers),
    }),
    ...(probes >= leastAnswers && {
      lossPercent: percent(lost),
      lossOutPercent: percent(lostOut),
      lossBackPercent: percent(lostBack),
    }),
    ...(tcp && { tcp: tcpMeasured(tcp) }),
  };
}

/** To a thousandth: as exact as a clock in user space is worth. */
function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
