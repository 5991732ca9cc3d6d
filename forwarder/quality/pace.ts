// SPDX-License-Identifier: Apache-2.0
/** How often a strand is probed, and how long its silence must be. */
import { detectionFor, leastIntervalMs, type QualitySettings } from './profiles.js';
import type { Windows } from './history.js';

/** What the pace depends on. */
export interface PaceOptions {
  readonly settings: QualitySettings;
  readonly metered: boolean;
  /** Carries nothing but probes. */
  readonly isIdle: boolean;
  /** All other strands of the peer are well: it is not needed now. */
  readonly isSpare: boolean;
  readonly isDoubted: boolean;
  readonly windows: Windows | undefined;
}

/** Loss from which on a run of misses is not far from its silence. */
const lossy = 0.03;
/** A live strand seems silent by chance once in this many probes, */
const chance = 1e-8;
/** unless that took more than so many times its detection time. */
const mostStretched = 5;

/** Loss that lasts, if there is any: what is only short may be the beginning of silence. */
function lastingLoss(windows: Windows | undefined): number {
  if (windows === undefined) return 0;
  const { short, before } = windows;
  return Math.min(short.lost / short.probes, before.lost / before.probes);
}

/** See the head of this file. */
export function pace(options: PaceOptions): { intervalMs: number; detectionMs: number } {
  const { settings, metered, isIdle, isSpare, isDoubted, windows } = options;
  const loss = lastingLoss(windows);
  const usual = metered && isIdle && isSpare ? settings.idleIntervalMs : settings.intervalMs;
  const closer = Math.max(leastIntervalMs, settings.intervalMs / 2);
  const intervalMs = isDoubted || loss > lossy ? Math.min(usual, closer) : usual;
  const detectionMs = detectionFor(settings, intervalMs);
  if (loss <= lossy || loss >= 1) return { intervalMs, detectionMs };
  // A run of misses on a lossy live strand is loss, not silence.
  const run = Math.ceil(Math.log(chance) / Math.log(loss)) * intervalMs;
  return {
    intervalMs,
    detectionMs: Math.max(detectionMs, Math.min(run, mostStretched * detectionMs)),
  };
}
