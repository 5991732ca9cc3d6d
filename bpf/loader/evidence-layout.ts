// SPDX-License-Identifier: Apache-2.0
/** `bpf/include/followed.h` in TypeScript, a part of `layout.ts`: what TCP connections tell of a strand. */
import { Struct, type StructOf, u32, u64 } from './struct.js';

/** WW_RTT_SLICE: bits of CLOCK_MONOTONIC that `slice` leaves out; a slice is some 1.07 s. */
export const rttSliceBits = 30;

/** What became of followed segments: map `evidence`. */
export const evidence = new Struct('ww_evidence', {
  acked: u64,
  resent: u64,
  given_up: u64,
  rtt_sum_ns: u64,
  slice: u32,
  rtt_min_us: u32,
  rtt_min_before_us: u32,
  pad: u32,
});

/** {@link evidence} as a value. */
export type Evidence = StructOf<typeof evidence>;
