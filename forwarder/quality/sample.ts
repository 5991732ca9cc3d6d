// SPDX-License-Identifier: Apache-2.0
/**
 * One strand as the maps have it at one moment. Counters are cumulative since the
 * maps were made, as in `ww_quality`; whoever judges takes differences.
 */

/** What became of the TCP segments that were followed as they left by the strand. */
export interface TcpSample {
  /** Acknowledged before they were sent again, */
  readonly acked: number;
  /** and sent again before they were acknowledged. */
  readonly resent: number;
  /** Of the acknowledged. With all that is behind the strand, and the receiver's own delay. */
  readonly rttSumMs: number;
  /** The least of the last second or two; absent where there was none. */
  readonly rttMinMs?: number | undefined;
}

/** See the head of this file. Times are of one monotonic clock, in milliseconds. */
export interface StrandSample {
  readonly strand: number;
  /** When the maps were read. */
  readonly atMs: number;
  /** The prober's word: nothing is answered. */
  readonly silent: boolean;
  /** How often that word became true; so that one between two samples is seen, too. */
  readonly silences: number;
  /** Out of use for what no probe tells: carrier, address, MTU, operator. */
  readonly hardDown: boolean;
  /** Which of these, in words. */
  readonly reasons?: readonly string[];
  /** Nothing but probes went by it of late: a metered strand is then probed more slowly. */
  readonly idle: boolean;
  readonly sent: number;
  /** Probes whose time has passed, */
  readonly judged: number;
  /** those of them without an answer by then, */
  readonly lost: number;
  /** and those of these that were answered later. */
  readonly late: number;
  readonly received: number;
  readonly rttSumMs: number;
  /** Sum of the differences between one round trip and the one before. */
  readonly jitterSumMs: number;
  /** Lost on the way there, and on the way back, by the reflector's own count. */
  readonly lostOut: number;
  readonly lostBack: number;
  readonly srttMs: number;
  readonly rttvarMs: number;
  /** Since the newest probe was sent; `undefined` before the first. A stopped prober's grows. */
  readonly sentAgoMs: number | undefined;
  /** Since the newest answered probe was sent; `undefined` where none ever was. */
  readonly answeredAgoMs: number | undefined;
  /** Since the peer's newest probe came by it; `undefined` where none ever did. */
  readonly heardAgoMs: number | undefined;
  readonly forged: number;
  readonly failed: number;
  /** Absent until something was followed, and in records of a time when nothing was. */
  readonly tcp?: TcpSample | undefined;
}
