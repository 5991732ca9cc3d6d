// SPDX-License-Identifier: Apache-2.0
/**
 * Bytes of a strand as its line carries them: IP packets with all that is around the
 * inner ones, and probes. Which is what a provider counts.
 */
import type { Large } from '../../bpf/loader/layout.js';
import { overhead } from '../steering/strands.js';
import type { Counters, Metered } from './usage.js';

/** What the maps count: `strand_stats` and `quality`. */
export interface Counted {
  readonly family: 4 | 6;
  readonly txPackets: number;
  readonly txBytes: number;
  readonly rxPackets: number;
  readonly rxBytes: number;
  /** Probes that were sent, those that could not be, their answers, and answers to the peer's. */
  readonly sent: number;
  readonly failed: number;
  readonly received: number;
  readonly reflected: number;
  /** Bytes of large probes as IP packets and of their answers, and what the peer's have beyond usual ones. */
  readonly large?: LargeBytes;
}

/** See {@link Counted}. */
export type LargeBytes = Pick<Large, 'tx_bytes' | 'rx_bytes' | 'reflected_bytes'>;

/** UDP payload of a probe and of its answer (RFC 8762, section 4.2.1). */
export const usualProbeSize = 44;
const udpHeader = 8;
const ipHeader = { 4: 20, 6: 40 } as const;

/** An IP packet with a probe, in bytes. */
export function probeBytes(family: 4 | 6, size = usualProbeSize): number {
  return size + udpHeader + ipHeader[family];
}

/** UDP payload of a large probe that is as long on the line as a tunnelled packet; either family's. */
export function largePayload(inner: number): number {
  return inner + overhead[4] - udpHeader - ipHeader[4];
}

/** See the head of this file. The peer's probes are taken to be as long as ours. */
export function metersOf(counted: Counted, size = usualProbeSize): Counters {
  const { family, txPackets, txBytes, rxPackets, rxBytes } = counted;
  const { sent, failed, received, reflected } = counted;
  const { tx_bytes = 0n, rx_bytes = 0n, reflected_bytes = 0n } = counted.large ?? {};
  const probe = probeBytes(family, size);
  return {
    txBytes,
    rxBytes,
    txOverhead: txPackets * overhead[family],
    rxOverhead: rxPackets * overhead[family],
    txProbes: (Math.max(sent - failed, 0) + reflected) * probe + Number(tx_bytes + reflected_bytes),
    rxProbes: (received + reflected) * probe + Number(rx_bytes + reflected_bytes),
  };
}

/** A strand as the account of the month (`usage.ts`) knows it; what reads the maps is anybody's. */
export function meteredOf(strand: {
  readonly id: number;
  readonly link: string;
  /** 16 bytes each, as in `ww_strand`. */
  readonly local: Uint8Array;
  readonly remote: Uint8Array;
  readonly counted: Counted;
}): Metered {
  const { id, link, local, remote, counted } = strand;
  const [from, to] = [local, remote].map((bytes) => Buffer.from(bytes).toString('hex'));
  return { id, identity: `${from ?? ''}>${to ?? ''}`, link, counters: metersOf(counted) };
}

/** Bytes a day of probes of that size and their answers, sent and received together. */
export function probeBytesADay(bytes: number, intervalMs: number): number {
  const dayMs = 86_400_000;
  return intervalMs > 0 ? Math.round((dayMs / intervalMs) * 2 * bytes) : 0;
}
