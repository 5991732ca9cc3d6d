// SPDX-License-Identifier: Apache-2.0
/**
 * What the wires' own TCP connections tell of a strand: segments that were followed are
 * acknowledged or sent again first. A second witness, never the only one: what they
 * suffer may lie beyond the WAN, and both ends can make it up.
 */
import { binomialTail } from './binomial.js';
import type { Sla } from './engine-strand.js';
import type { TcpSample } from './sample.js';

/** What became of segments between two samples. */
export interface TcpTally {
  readonly segments: number;
  readonly resent: number;
  readonly rttSumMs: number;
  /** The least of the last second or two. */
  readonly rttMinMs: number | undefined;
}

/** In the words of states and events. */
export interface TcpMeasured {
  readonly segments: number;
  /** Sent again. */
  readonly resentPercent: number;
  /** Mean and least; absent where none was acknowledged. */
  readonly rttMs?: number;
  readonly rttMinMs?: number;
}

/** Fewer segments than this tell nothing. */
export const leastSegments = 50;

/** By chance, probes alone break an SLA of loss no more often than this. */
export const strict = 1e-7;
/**
 * Two independent chances whose product is below this come together as seldom as
 * `strict`: c (1 - ln c) is then 1e-7.
 */
const joint = 5e-9;
/** However sure TCP is: by chance probes say the same no more often than this. */
const mildest = 3e-4;
/** TCP's chance from which on it makes one look closer. */
const doubtful = 1e-3;
/** A round trip is far over the SLA from so many times on. */
const farOver = 1.5;

/** Between two samples; nothing where one of them has nothing, or too little happened to tell. */
export function tcpBetween(
  from: TcpSample | undefined,
  to: TcpSample | undefined,
): TcpTally | undefined {
  if (from === undefined || to === undefined) return undefined;
  const [acked, resent] = [to.acked - from.acked, to.resent - from.resent];
  if (acked < 0 || resent < 0 || acked + resent < leastSegments) return undefined;
  const { rttMinMs } = to;
  return { segments: acked + resent, resent, rttSumMs: to.rttSumMs - from.rttSumMs, rttMinMs };
}

/** How likely so many segments would be sent again were the loss as allowed; 1 where it is no more. */
function chanceOf(tcp: TcpTally | undefined, allowed: number): number {
  if (tcp === undefined || tcp.resent / tcp.segments <= allowed) return 1;
  return binomialTail(tcp.resent, tcp.segments, allowed);
}

/**
 * How sure probes must be that more is lost than `allowed`: `strict` by themselves. Where
 * segments are sent again too often, too, so that both together are as sure.
 */
export function levelOf(tcp: TcpTally | undefined, allowed: number): number {
  const chance = chanceOf(tcp, allowed);
  return Math.min(mildest, Math.max(strict, joint / chance));
}

/** Does TCP suffer so much that this SLA may be broken, which allows so much of loss (1: any)? */
export function isSuspicious(tcp: TcpTally | undefined, sla: Sla, allowed: number): boolean {
  if (tcp === undefined) return false;
  const isLossy = chanceOf(tcp, allowed) < doubtful;
  const { rttMs = Infinity } = sla;
  return isLossy || (tcp.rttMinMs ?? 0) > farOver * rttMs;
}

/** `4.9 % of 410 TCP segments`. */
export function tcpText({ segments, resent }: TcpTally): string {
  return `${((100 * resent) / segments).toFixed(1)} % of ${String(segments)} TCP segments sent again`;
}

/** See {@link TcpMeasured}. */
export function tcpMeasured(tcp: TcpTally): TcpMeasured {
  const { segments, resent, rttSumMs, rttMinMs } = tcp;
  const acked = segments - resent;
  return {
    segments,
    resentPercent: rounded((100 * resent) / segments),
    ...(acked > 0 && { rttMs: rounded(rttSumMs / acked) }),
    ...(rttMinMs !== undefined && { rttMinMs: rounded(rttMinMs) }),
  };
}

/** A suspicion is looked into for a while, and again only after it has gone. */
export class Suspicion {
  #sinceMs: number | undefined;

  /** Whether that is news. */
  update(isSuspicious: boolean, nowMs: number): boolean {
    const isNews = isSuspicious !== (this.#sinceMs !== undefined);
    if (isNews) this.#sinceMs = isSuspicious ? nowMs : undefined;
    return isNews;
  }

  /** Is it worth a closer look? For `mostMs` at a stretch. */
  isFresh(nowMs: number, mostMs: number): boolean {
    return this.#sinceMs !== undefined && nowMs - this.#sinceMs < mostMs;
  }
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
