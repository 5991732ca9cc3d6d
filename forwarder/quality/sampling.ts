// SPDX-License-Identifier: Apache-2.0
/** Reads strands' measurements out of the plane's maps, as the engine takes them. */
import { downReasons, rttSliceBits } from '../../bpf/loader/layout.js';
import type { Evidence, Measures, StrandWords } from '../steering/strand-words.js';
import type { StrandSample, TcpSample } from './sample.js';

/** What of the plane is read. */
export type SampledWords = Pick<StrandWords, 'carried' | 'evidence' | 'measured' | 'silent'>;

/** For how long a strand must have carried nothing to be idle, in milliseconds. */
const idleAfterMs = 60_000;
const msInNs = 1e6;

/** What is asked of a strand. */
export interface Sampled {
  readonly id: number;
  /** Why it is out of use: bits of `downReasons`. */
  readonly down: number;
  /** Whether it matters that it is idle. */
  readonly metered: boolean;
}

/** See the head of this file. It remembers when each strand last carried something. */
export class Sampling {
  readonly #words: SampledWords;
  readonly #busy = new Map<number, { readonly packets: number; readonly atNs: bigint }>();

  constructor(words: SampledWords) {
    this.#words = words;
  }

  /** One sample of each, at that time of CLOCK_MONOTONIC. */
  samples(strands: readonly Sampled[], nowNs: bigint): StrandSample[] {
    const known = new Set(strands.map(({ id }) => id));
    for (const id of this.#busy.keys()) if (!known.has(id)) this.#busy.delete(id);
    return strands.flatMap(({ id, down, metered }) => {
      const silent = this.#words.silent(id);
      const found = this.#words.measured(id);
      if (found === undefined) return [];
      const idle = metered && this.#isIdle(id, nowNs);
      const out = { silent, hardDown: down !== 0, reasons: reasonsOf(down) };
      const tcp = tcpOf(this.#words.evidence(id), nowNs);
      return [{ strand: id, ...out, idle, ...measurements(found, nowNs), ...(tcp && { tcp }) }];
    });
  }

  #isIdle(id: number, nowNs: bigint): boolean {
    const { txPackets, rxPackets } = this.#words.carried(id);
    const packets = txPackets + rxPackets;
    const before = this.#busy.get(id);
    if (before?.packets !== packets) this.#busy.set(id, { packets, atNs: nowNs });
    const sinceNs = this.#busy.get(id)?.atNs ?? nowNs;
    return Number(nowNs - sinceNs) / msInNs >= idleAfterMs;
  }
}

function reasonsOf(down: number): readonly string[] {
  return Object.entries(downReasons)
    .filter(([, bit]) => down & bit)
    .map(([name]) => name);
}

function tcpOf(found: Evidence | undefined, nowNs: bigint): TcpSample | undefined {
  if (found === undefined || found.acked + found.resent === 0) return undefined;
  const { acked, resent, rtt_sum_ns: sumNs, slice } = found;
  const age = (Number((nowNs >> BigInt(rttSliceBits)) & 0xffffffffn) - slice) | 0;
  // Of a slice that is over, and the one before it, nothing is of the last seconds.
  const recent = [found.rtt_min_us, ...(age <= 0 ? [found.rtt_min_before_us] : [])];
  const known = age > 1 ? [] : recent.filter((us) => us > 0);
  const rttMinMs = known.length === 0 ? undefined : Math.min(...known) / 1000;
  return { acked, resent, rttSumMs: sumNs / msInNs, ...(rttMinMs && { rttMinMs }) };
}

function measurements(
  found: Measures,
  nowNs: bigint,
): Omit<StrandSample, 'strand' | 'silent' | 'hardDown' | 'reasons' | 'idle' | 'tcp'> {
  const now = Number(nowNs);
  const ago = (ns: number): number | undefined =>
    // What is written meanwhile may be newer than `nowNs`.
    ns === 0 ? undefined : Math.max(0, (now - ns) / msInNs);
  return {
    atMs: now / msInNs,
    silences: found.silences,
    sent: found.sent,
    judged: found.judged,
    lost: found.lost,
    late: found.late,
    received: found.received,
    rttSumMs: found.rtt_sum_ns / msInNs,
    jitterSumMs: found.jitter_sum_ns / msInNs,
    lostOut: found.lost_out,
    lostBack: found.lost_back,
    srttMs: found.srtt_ns / msInNs,
    rttvarMs: found.rttvar_ns / msInNs,
    sentAgoMs: ago(found.sent_ns),
    answeredAgoMs: ago(found.answered_ns),
    heardAgoMs: ago(found.heard_ns),
    forged: found.forged,
    failed: found.failed,
  };
}
