// SPDX-License-Identifier: Apache-2.0
/**
 * Reads the cached sessions. There may be hundreds of thousands: each is ordered
 * and counted by a few bytes of it, and only what is shown is decoded.
 */
import { dscpText, protocolText } from '../../api/site/traffic.js';
import * as layout from '../../bpf/loader/layout.js';
import { addressText, type FlowKey } from '../../forwarder/operator/flow.js';
import { rateOf, sum } from './counters.js';
import type { Maps } from './maps.js';
import { classKey, type PlaneReading } from './read.js';
import type { Counters, PlaneWire, Rate } from './types.js';

/** One session, as this node sends it. */
export interface Session {
  readonly wire: string;
  readonly client: string;
  readonly service: string;
  readonly protocol: string;
  readonly source: string;
  /** 0 where the protocol has none; an echo's id in both. */
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
  /** null where none could be used. */
  readonly strand: string | null;
  /** null where it was learned, or its tables have been written over since its last packet. */
  readonly class: string | null;
  /** null where it fits none, was learned, or where that is not known any more. */
  readonly rule: string | null;
  /** DSCP of the outer packets; null where the inner one's is kept. */
  readonly mark: string | null;
  readonly counters: Counters;
  /** Where there was an earlier read. */
  readonly rate?: Rate;
  /** Since its last packet. */
  readonly idleMs: number;
  /** How often it changed its strand. */
  readonly moves: number;
  readonly pinned: boolean;
  /** The other side chose the strand. */
  readonly learned: boolean;
  /** Of fragments whose first one was not seen. */
  readonly fragment: boolean;
  /** Decided by the tables in force, or learned; if not, its next packet is decided anew. */
  readonly current: boolean;
}

/** A session that has not been decoded. */
interface Raw {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly six: boolean;
  readonly bytes: number;
}

/** One read of all sessions. */
export interface SessionReading {
  readonly reading: PlaneReading;
  readonly raw: readonly Raw[];
  readonly totals: Counters;
  /** When, in milliseconds of the monotonic clock. */
  readonly atMs: number;
}

const { offsets } = layout.session;

/** Read them, the largest first; only those of a wire where one is given. */
export function readSessions(maps: Maps, reading: PlaneReading, wire?: PlaneWire): SessionReading {
  const raw = [...rawOf(maps, false), ...rawOf(maps, true)].filter(({ key }) => {
    const number = key.readUInt32LE(0);
    // What a closed wire left is forgotten before its number is given again.
    return wire === undefined ? reading.wires.has(number) : wire.number === number;
  });
  raw.sort((a, b) => b.bytes - a.bytes);
  const totals = { txPackets: 0, txBytes: 0, rxPackets: 0, rxBytes: 0 };
  for (const { value } of raw) {
    totals.txPackets += u64(value, offsets.tx_packets);
    totals.txBytes += u64(value, offsets.tx_bytes);
    totals.rxPackets += u64(value, offsets.rx_packets);
    totals.rxBytes += u64(value, offsets.rx_bytes);
  }
  return { reading, raw, totals, atMs: monotonicMs() };
}

/** Whether a session is cached. */
export function isThere(maps: Maps, wire: number, flow: FlowKey): boolean {
  const six = flow.source.subarray(0, 12).some((byte, at) => byte !== (at < 10 ? 0 : 0xff));
  if (six) return maps.map('sessions6').lookup(layout.flow.encode({ ...flow, wire })) !== undefined;
  const [source, destination] = [flow.source.subarray(12), flow.destination.subarray(12)];
  const key = layout.flow4.encode({ ...flow, wire, source, destination });
  return maps.map('sessions4').lookup(key) !== undefined;
}

/** How many there are of wires that are there. */
export function countSessions(maps: Maps, { wires }: PlaneReading) {
  const count = (map: string): number =>
    maps
      .map(map)
      .keys()
      .filter((key) => wires.has(key.readUInt32LE(0))).length;
  return { ipv4: count('sessions4'), ipv6: count('sessions6') };
}

/** The first `most` of a reading, decoded; with rates where there is an earlier one. */
export function sessionsOf(
  now: SessionReading,
  most = Number.POSITIVE_INFINITY,
  before?: SessionReading,
): readonly Session[] {
  const wanted = now.raw.slice(0, most);
  const earlier = before && valuesOf(before, new Set(wanted.map(({ key }) => keyText(key))));
  const ms = now.atMs - (before?.atMs ?? now.atMs);
  return wanted.map((raw) => {
    const session = decode(raw, now);
    if (earlier === undefined) return session;
    const was = earlier.get(keyText(raw.key));
    return { ...session, rate: rateOf(session.counters, was && countersOf(was), ms) };
  });
}

/** How fast all sessions together grew: one that has gone since takes nothing away. */
export function totalRate(now: SessionReading, before: SessionReading): Rate {
  const earlier = valuesOf(before);
  const kept: Counters[] = [];
  for (const { key, value } of now.raw) {
    const was = earlier.get(keyText(key));
    if (was === undefined) continue;
    const then = countersOf(was);
    const anew =
      then.txPackets > u64(value, offsets.tx_packets) ||
      then.rxPackets > u64(value, offsets.rx_packets);
    if (!anew) kept.push(then);
  }
  return rateOf(now.totals, sum(kept), now.atMs - before.atMs);
}

/** By key; only the wanted ones where some are given. */
function valuesOf({ raw }: SessionReading, wanted?: ReadonlySet<string>): Map<string, Buffer> {
  const values = new Map<string, Buffer>();
  for (const { key, value } of raw) {
    const text = keyText(key);
    if (wanted === undefined || wanted.has(text)) values.set(text, value);
  }
  return values;
}

function keyText(key: Buffer): string {
  return key.toString('latin1');
}

function rawOf(maps: Maps, six: boolean): Raw[] {
  return maps
    .map(six ? 'sessions6' : 'sessions4')
    .entries()
    .map(([key, value]) => {
      const bytes = u64(value, offsets.tx_bytes) + u64(value, offsets.rx_bytes);
      return { key, value, six, bytes };
    });
}

function decode({ key, value, six }: Raw, { reading, atMs }: SessionReading): Session {
  const { plane, strands, wires } = reading;
  const number = key.readUInt32LE(0);
  const { wire, policy = 0 } = wires.get(number) ?? {};
  const generation = value.readUInt32LE(offsets.generation);
  const rule = value.readUInt16LE(offsets.rule);
  const strand = value.readUInt16LE(offsets.strand);
  const mark = value.readUInt8(offsets.mark);
  const flags = value.readUInt8(offsets.flags);
  // Two banks: what is older than the last swap has been written over.
  const known = generation === plane.generation || generation === plane.generation - 1;
  const row = layout.rulesetRow(generation & 1, policy);
  const classId = value.readUInt16LE(offsets.class_id);
  const classified = known && classId !== layout.unclassified;
  const fits = known && rule !== layout.defaultRule && rule !== layout.unclassified;
  const learned = (flags & layout.sessionFlags.learned) !== 0;
  return {
    wire: wire?.id ?? `#${String(number)}`,
    client: wire?.client ?? '',
    service: wire?.service ?? '',
    ...flowOf(key, six ? layout.flow : layout.flow4),
    strand: strand === 0 ? null : (strands.get(strand) ?? `#${String(strand)}`),
    class: classified ? reading.names.text('class', classKey(row, classId)) : null,
    rule: fits ? reading.names.text('rule', row * layout.limits.rules + rule) : null,
    mark: mark === layout.noMark ? null : dscpText(mark),
    counters: countersOf(value),
    idleMs: Math.max(0, Math.round(atMs - u64(value, offsets.last_ns) / 1e6)),
    moves: value.readUInt16LE(offsets.moves),
    pinned: (flags & layout.sessionFlags.pinned) !== 0,
    learned,
    fragment: (flags & layout.sessionFlags.fragment) !== 0,
    current: generation === plane.generation || learned,
  };
}

function flowOf(key: Buffer, { offsets: at, fields }: typeof layout.flow | typeof layout.flow4) {
  const { count } = fields.source;
  return {
    protocol: protocolText(key.readUInt8(at.protocol)),
    source: addressText(key.subarray(at.source, at.source + count)),
    sourcePort: key.readUInt16BE(at.source_port),
    destination: addressText(key.subarray(at.destination, at.destination + count)),
    destinationPort: key.readUInt16BE(at.destination_port),
  };
}

function countersOf(value: Buffer): Counters {
  return {
    txPackets: u64(value, offsets.tx_packets),
    txBytes: u64(value, offsets.tx_bytes),
    rxPackets: u64(value, offsets.rx_packets),
    rxBytes: u64(value, offsets.rx_bytes),
  };
}

/** As a number: no link carries 2^53 bytes while we look. */
function u64(value: Buffer, at: number): number {
  return value.readUInt32LE(at) + value.readUInt32LE(at + 4) * 2 ** 32;
}

/** The clock of `last_ns`. */
function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}
