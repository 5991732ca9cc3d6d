// SPDX-License-Identifier: Apache-2.0
/** Round trip, jitter and loss of a strand from the counters of its probes. Pure. */
import type { PlaneProbes } from './types.js';

/** null: not known. */
export interface Measured {
  readonly rttMs: number | null;
  readonly jitterMs: number | null;
  /** Of round trips; of ways there, and of ways back. */
  readonly lossPercent: number | null;
  readonly lossOutPercent: number | null;
  readonly lossBackPercent: number | null;
}

/** Between two reads; without an earlier one only the smoothed round trip: counters say what was once. */
export function measuredBetween(now: PlaneProbes, before: PlaneProbes | undefined): Measured {
  // A strand that was made anew has counters of its own.
  const from = before !== undefined && now.sent >= before.sent ? before : now;
  const grown = (name: keyof PlaneProbes): number => Number(now[name]) - Number(from[name]);
  const [answers, judged] = [grown('received'), grown('judged')];
  const percent = (lost: number): number | null =>
    judged > 0 ? Math.min(100, (100 * Math.max(0, lost)) / judged) : null;
  return {
    rttMs: answers > 0 ? grown('rttSumMs') / answers : now.rttMs,
    jitterMs: answers > 0 ? grown('jitterSumMs') / answers : null,
    lossPercent: percent(grown('lost') - grown('late')),
    lossOutPercent: percent(grown('lostOut')),
    lossBackPercent: percent(grown('lostBack')),
  };
}
