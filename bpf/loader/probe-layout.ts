// SPDX-License-Identifier: Apache-2.0
/**
 * `bpf/include/probe.h` in TypeScript, a part of `layout.ts`: what forwarder,
 * prober and programs tell each other about probes, and who writes which word.
 */
import { Struct, type StructOf, u16, u32, u64, u8 } from './struct.js';

/** WW_PROBER: what a prober stores into `control`. */
export const proberVersion = 1;
/** WW_STAMP_PORT: RFC 8762's for reflectors. */
export const stampPort = 862;

/** enum ww_probe_flags. */
export const probeFlags = { judge: 1 } as const;
/** enum ww_sent_state. */
export const sentStates = { empty: 0, underWay: 1, answered: 2, lost: 3, late: 4 } as const;

/** What the prober is to do on a strand: map `probes`. */
export const probe = new Struct('ww_probe', {
  interval_us: u32,
  detect_us: u32,
  return_rate: u32,
  flags: u32,
  dscp: u8,
  pad: u8,
  size: u16,
  large: u32,
});
/** What is measured of a strand: map `quality`. */
export const quality = new Struct('ww_quality', {
  sent_ns: u64,
  changed_ns: u64,
  sent: u64,
  failed: u64,
  judged: u64,
  lost: u64,
  seq: u32,
  silences: u32,
  answered_ns: u64,
  heard_ns: u64,
  received: u64,
  late: u64,
  rtt_sum_ns: u64,
  jitter_sum_ns: u64,
  lost_out: u64,
  lost_back: u64,
  forged: u64,
  reflected: u64,
  srtt_ns: u32,
  rttvar_ns: u32,
  rtt_ns: u32,
  seen_seq: u32,
  seen_reflected: u32,
  pad: u32,
  return_ns: u64,
});
/** A probe that an answer may fit: map `sent`. */
export const sent = new Struct('ww_sent', { stamp: u64, sent_ns: u64, seq: u32, state: u32 });

/** The newest large probe of a strand: map `large`. */
export const large = new Struct('ww_large', {
  stamp: u64,
  sent_ns: u64,
  seq: u32,
  state: u32,
  error: u32,
  pad: u32,
  tx_bytes: u64,
  rx_bytes: u64,
  reflected_bytes: u64,
});

/** {@link probe} as a value. */
export type Probe = StructOf<typeof probe>;
/** {@link quality} as a value. */
export type Quality = StructOf<typeof quality>;
/** {@link large} as a value. */
export type Large = StructOf<typeof large>;
