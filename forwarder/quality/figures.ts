// SPDX-License-Identifier: Apache-2.0
/** How good a link, or what a wire goes by, is: as its best strand. What is told to others is made of it. Pure. */
import { linkMetrics } from '../../api/elements/link-metrics.js';
import type { StrandState } from './states.js';

/** A strand, as far as it matters here. */
export interface FigureStrand {
  readonly link: string;
  readonly peer: string;
  /** Packets may go by it, and probes are answered as far as is known. */
  readonly isUsable: boolean;
  /** As the engine said last; nothing of one that it does not know. */
  readonly judged: StrandState | undefined;
  /** A silence is found within this, round trip aside; nothing where it is not probed. */
  readonly detectionMs: number | undefined;
}

/** Good enough for new sessions; not for all of them, or not for certain; for none. */
export type Told = 'up' | 'degraded' | 'down';

/** See the head of this file. */
export interface Figures {
  readonly state: Told;
  readonly usable: number;
  readonly rttMs?: number | undefined;
  readonly jitterMs?: number | undefined;
  readonly lossPercent?: number | undefined;
  /** When a silence of all of them is known; nothing where none is probed. */
  readonly detectionMs?: number | undefined;
}

const ranks = { up: 0, returning: 1, unmeasured: 2, degraded: 3, held: 4, down: 5 } as const;
const told = ['up', 'up', 'up', 'degraded', 'degraded', 'down'] as const;
/** What a judgement takes at most, and what jitter counts for in a round trip's allowance. */
const tickMs = 200;
const jitters = 4;

/** Of these strands together; of none it is down. */
export function figuresOf(strands: readonly FigureStrand[]): Figures {
  const [best] = strands.toSorted((a, b) => rankOf(a) - rankOf(b) || rttOf(a) - rttOf(b));
  const times = strands.flatMap(({ detectionMs, judged }) =>
    detectionMs === undefined
      ? []
      : [detectionMs + (judged?.rttMs ?? 0) + jitters * (judged?.jitterMs ?? 0) + tickMs],
  );
  const { rttMs, jitterMs, lossPercent } = best?.judged ?? {};
  return {
    state: told[best === undefined ? ranks.down : rankOf(best)] ?? 'down',
    usable: strands.filter(({ isUsable }) => isUsable).length,
    rttMs,
    jitterMs,
    lossPercent,
    detectionMs: times.length === 0 ? undefined : Math.ceil(Math.max(...times)),
  };
}

/** As metrics of a path segment; what is not known is left out. */
export function metricsOf(figures: Figures): Readonly<Record<string, string>> {
  const { state, usable, rttMs, jitterMs, lossPercent, detectionMs } = figures;
  const numbers = {
    [linkMetrics.rttMs]: rttMs?.toFixed(1),
    [linkMetrics.jitterMs]: jitterMs?.toFixed(1),
    [linkMetrics.lossPercent]: lossPercent?.toFixed(2),
    [linkMetrics.usable]: String(usable),
    [linkMetrics.detectionMs]: detectionMs?.toFixed(0),
  };
  const known = Object.entries(numbers).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return { [linkMetrics.state]: state, ...Object.fromEntries(known) };
}

function rankOf({ isUsable, judged }: FigureStrand): number {
  return isUsable ? ranks[judged?.state ?? 'unmeasured'] : ranks.down;
}

function rttOf({ judged }: FigureStrand): number {
  return judged?.rttMs ?? Infinity;
}
