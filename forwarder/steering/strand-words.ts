// SPDX-License-Identifier: Apache-2.0
/**
 * What is told of each strand while packets go by it: words that are stored each
 * by itself, because programs and the prober have words of their own beside them.
 */
import * as layout from '../../bpf/loader/layout.js';
import type { BpfMap } from '../../bpf/loader/map.js';
import { Table } from './table.js';

const { number32 } = layout;
const strandAt = layout.strand.offsets;
const probeAt = layout.probe.offsets;

/** Bit 0 of `avoid`: held back from everybody. */
export const heldBack = 1;

/** Where a strand's packets go, and what fits; the rest of it never changes. */
export type StrandPlace = Pick<layout.Strand, 'device' | 'link' | 'mtu'>;

/** What the prober is asked for. */
export type ProbeWish = Pick<
  layout.Probe,
  'interval_us' | 'detect_us' | 'return_rate' | 'flags' | 'dscp' | 'size'
>;

/** Bytes of inner IP packets, and how many those were. */
export interface Carried {
  readonly txBytes: number;
  readonly rxBytes: number;
  readonly txPackets: number;
  readonly rxPackets: number;
}

/** `struct ww_quality` in plain numbers: exact up to 104 days in nanoseconds, then to a few of them. */
export type Measures = { readonly [K in keyof layout.Quality]: number };

/** `struct ww_evidence`, the same way. */
export type Evidence = { readonly [K in keyof layout.Evidence]: number };

/** Asked of every strand many times a second: faster than what reads any struct. */
export function measuresOf(value: Buffer): Measures {
  return plainNumbers(value, measureFields) as Measures;
}

/** The same of {@link Evidence}. */
export function evidenceOf(value: Buffer): Evidence {
  return plainNumbers(value, evidenceFields) as Evidence;
}

type PlainField = readonly [name: string, offset: number, isWide: boolean];

function plainNumbers(value: Buffer, fields: readonly PlainField[]): Record<string, number> {
  const found: Record<string, number> = {};
  for (const [name, offset, isWide] of fields) {
    const low = value.readUInt32LE(offset);
    found[name] = isWide ? low + value.readUInt32LE(offset + 4) * 2 ** 32 : low;
  }
  return found;
}

const measureFields = Object.entries(layout.quality.fields).map(([name, { kind }]): PlainField => [
  name,
  layout.quality.offsets[name as keyof layout.Quality],
  kind === 'u64',
]);
const evidenceFields = Object.entries(layout.evidence.fields).map(
  ([name, { kind }]): PlainField => [
    name,
    layout.evidence.offsets[name as keyof layout.Evidence],
    kind === 'u64',
  ],
);

/** Not probed, and nobody's return is paced. */
export const noProbe: ProbeWish = {
  interval_us: 0,
  detect_us: 0,
  return_rate: 0,
  flags: 0,
  dscp: 0,
  size: layout.limits.stamp,
};

/** See the head of this file. */
export class StrandWords {
  readonly #map: BpfMap;
  readonly #strands;
  readonly #probes: BpfMap;
  readonly #quality;
  readonly #evidence;
  readonly #large;
  readonly #stats: BpfMap;

  constructor(map: (name: string) => BpfMap) {
    this.#map = map('strands');
    this.#strands = new Table(this.#map, number32, layout.strand);
    this.#probes = map('probes');
    this.#quality = new Table(map('quality'), number32, layout.quality);
    this.#evidence = new Table(map('evidence'), number32, layout.evidence);
    this.#large = new Table(map('large'), number32, layout.large);
    this.#stats = map('strand_stats');
  }

  /** Begin a strand; what was measured and counted under its number before is forgotten. */
  make(id: number, strand: Partial<layout.Strand>): void {
    this.#quality.set({ value: id }, {});
    this.#large.set({ value: id }, {});
    this.#evidence.set({ value: id }, {});
    const { possibleCpus } = this.#stats;
    this.#stats.update(
      number32.encode({ value: id }),
      Buffer.alloc(possibleCpus * layout.stats.size),
    );
    this.#strands.set({ value: id }, strand);
  }

  /** End it: it is neither used nor probed any more. */
  end(id: number): void {
    this.probe(id, noProbe);
    this.#strands.set({ value: id }, { down: layout.downReasons.address });
  }

  /** Its packets go elsewhere from now on. */
  place(id: number, { device, link, mtu }: StrandPlace): void {
    this.#map.store32(id, strandAt.device, device);
    // Both in one word.
    this.#map.store32(id, strandAt.link, ((mtu << 16) | link) >>> 0);
  }

  /** Why it is not used. */
  setDown(id: number, reasons: number): void {
    this.#map.store32(id, strandAt.down, reasons);
  }

  /** Who leaves it alone: see struct ww_strand. */
  avoid(id: number): number {
    return this.#map.load32(id, strandAt.avoid);
  }

  /** Who leaves it alone from now on; says whether that is news. */
  setAvoid(id: number, bits: number): boolean {
    // The prober sets a bit, too: what was stored last says nothing.
    if (this.avoid(id) === bits) return false;
    this.#map.store32(id, strandAt.avoid, bits);
    return true;
  }

  /** Whether the prober has found that nothing is answered. */
  silent(id: number): boolean {
    return this.#map.load32(id, strandAt.silent) !== 0;
  }

  /** Say in the prober's place that it may be used: only while there is none. */
  endSilence(id: number): void {
    this.#map.store32(id, strandAt.silent, 0);
  }

  /** What the prober is to do; the word that makes it begin is stored last. */
  probe(id: number, wish: ProbeWish): void {
    const shape = ((wish.size << 16) | wish.dscp) >>> 0;
    this.#store(id, probeAt.detect_us, wish.detect_us);
    this.#store(id, probeAt.return_rate, wish.return_rate);
    this.#store(id, probeAt.flags, wish.flags);
    this.#store(id, probeAt.dscp, shape);
    this.#store(id, probeAt.interval_us, wish.interval_us);
  }

  /** Have one large probe sent, with so many bytes of UDP's payload; its number. */
  askLarge(id: number, bytes: number): number {
    const number = (this.#probes.load32(id, probeAt.large) + 1) & 0xffff;
    this.#probes.store32(id, probeAt.large, ((bytes << 16) | number) >>> 0);
    return number;
  }

  /** What became of the newest large probe. */
  large(id: number): layout.Large | undefined {
    return this.#large.get({ value: id });
  }

  /** What was measured so far. */
  measured(id: number): Measures | undefined {
    const value = this.#quality.map.lookup(number32.encode({ value: id }));
    return value && measuresOf(value);
  }

  /** What TCP has told of it so far. */
  evidence(id: number): Evidence | undefined {
    const value = this.#evidence.map.lookup(number32.encode({ value: id }));
    return value && evidenceOf(value);
  }

  /** What wires sent and received by it so far, without outer headers. */
  carried(id: number): Carried {
    const perCpu = this.#stats.lookup(number32.encode({ value: id })) ?? Buffer.alloc(0);
    const sum = { txBytes: 0, rxBytes: 0, txPackets: 0, rxPackets: 0 };
    for (let at = 0; at < perCpu.length; at += layout.stats.size) {
      const one = layout.stats.decode(perCpu.subarray(at, at + layout.stats.size));
      sum.txBytes += Number(one.tx_bytes);
      sum.rxBytes += Number(one.rx_bytes);
      sum.txPackets += Number(one.tx_packets);
      sum.rxPackets += Number(one.rx_packets);
    }
    return sum;
  }

  #store(id: number, offset: number, value: number): void {
    if (this.#probes.load32(id, offset) !== value) this.#probes.store32(id, offset, value);
  }
}
