// SPDX-License-Identifier: Apache-2.0
/** Counters: from the maps, together, and as rates. */
import { dropReasons, stats, wireStats } from '../../bpf/loader/layout.js';
import { index, perCpu, type Maps } from './maps.js';
import type { Counters, Drops, Rate } from './types.js';

/** Nothing counted. */
export const noCounters: Counters = { txPackets: 0, txBytes: 0, rxPackets: 0, rxBytes: 0 };

interface Raw {
  readonly tx_packets: bigint;
  readonly tx_bytes: bigint;
  readonly rx_packets: bigint;
  readonly rx_bytes: bigint;
}

/** An entry of `strand_stats` or `rule_stats`. */
export function countersAt(maps: Maps, map: 'strand_stats' | 'rule_stats', id: number): Counters {
  return sum(perCpu(stats, maps.map(map), index(id)).map(plain));
}

/** What a wire counted. */
export interface WireCounters {
  readonly counters: Counters;
  readonly uncached: number;
  readonly fragments: number;
  readonly drops: Drops;
}

/** An entry of `wire_stats`; 0 is what belongs to no wire. */
export function wireCountersAt(maps: Maps, number: number): WireCounters {
  const all = perCpu(wireStats, maps.map('wire_stats'), index(number));
  const total = (of: (one: (typeof all)[number]) => bigint | undefined): number =>
    Number(all.reduce((before, one) => before + (of(one) ?? 0n), 0n));
  const drops = dropReasons.map((reason, at) => [reason, total((one) => one.drops[at])]);
  return {
    counters: sum(all.map(plain)),
    uncached: total((one) => one.uncached),
    fragments: total((one) => one.fragments),
    drops: Object.fromEntries(drops) as Record<(typeof dropReasons)[number], number>,
  };
}

/** All of them together. */
export function sum(all: readonly Counters[]): Counters {
  return all.reduce(
    (a, b) => ({
      txPackets: a.txPackets + b.txPackets,
      txBytes: a.txBytes + b.txBytes,
      rxPackets: a.rxPackets + b.rxPackets,
      rxBytes: a.rxBytes + b.rxBytes,
    }),
    noCounters,
  );
}

/** How fast it grew; what was counted anew since then began at nothing. */
export function rateOf(now: Counters, before: Counters | undefined, ms: number): Rate {
  const anew =
    before === undefined || now.txPackets < before.txPackets || now.rxPackets < before.rxPackets;
  const from = anew ? noCounters : before;
  const each = (a: number, b: number): number => (ms > 0 ? Math.round(((a - b) * 1000) / ms) : 0);
  return {
    txPacketsPerSecond: each(now.txPackets, from.txPackets),
    txBitsPerSecond: each(now.txBytes * 8, from.txBytes * 8),
    rxPacketsPerSecond: each(now.rxPackets, from.rxPackets),
    rxBitsPerSecond: each(now.rxBytes * 8, from.rxBytes * 8),
  };
}

/** Reasons that dropped something. */
export function dropped(drops: Drops): readonly (readonly [reason: string, count: number])[] {
  return Object.entries(drops).filter(([, count]) => count > 0);
}

/** All reasons together. */
export function totalDrops(drops: Drops): number {
  return Object.values(drops).reduce((a, b) => a + b, 0);
}

function plain({ tx_packets, tx_bytes, rx_packets, rx_bytes }: Raw): Counters {
  return {
    txPackets: Number(tx_packets),
    txBytes: Number(tx_bytes),
    rxPackets: Number(rx_packets),
    rxBytes: Number(rx_bytes),
  };
}
