// SPDX-License-Identifier: Apache-2.0
/**
 * Reads the cached sessions. There may be hundreds of thousands: each is ordered
 * and counted by a few bytes of it, and only what is shown is decoded.
 */
import { dscpText, protocolText } from '../../api/site/traffic.js';
import * as layout from '../../bpf/loader/layout.js';
import { addressText, portNumber, type FlowKey } from '../../forwarder/operator/flow.js';
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
  /** null where its tables have been written over since its last packet. */
  readonly class: string | null;
  /** null where it fits none, or where that is not known any more. */
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
  /** Decided by the tables in force; if not, its next packet is decided anew. */
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
  const earlier = new Map<string, Raw>();
  for (const one of before?.raw ?? []) earlier.set(one.key.toString('latin1'), one);
  const ms = now.atMs - (before?.atMs ?? now.atMs);
  return now.raw.slice(0, most).map((raw) => {
    const session = decode(raw, now);
    if (before === undefined) return session;
    const was = earlier.get(raw.key.toString('latin1'));
    return { ...session, rate: rateOf(session.counters, was && countersOf(was.value), ms) };
  });
}

/** How fast all sessions together grew: one that has gone since takes nothing away. */
export function totalRate(now: SessionReading, before: SessionReading): Rate {
  const earlier = new Map(before.raw.map((one) => [one.key.toString('latin1'), one]));
  const kept = now.raw.map(({ key, value }) => {
    const was = earlier.get(key.toString('latin1'));
    const counters = countersOf(value);
    const then = was && countersOf(was.value);
    return then === undefined || then.txPackets > counters.txPackets ? undefined : then;
  });
  return rateOf(now.totals, sum(kept.filter((one) => one !== undefined)), now.atMs - before.atMs);
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
  const { plane, names, strands, wires } = reading;
  const flow = (six ? layout.flow : layout.flow4).decode(key);
  const { generation, strand, class_id, rule, mark, flags, moves, last_ns } =
    layout.session.decode(value);
  const { wire, policy = 0 } = wires.get(flow.wire) ?? {};
  // Two banks: what is older than the last swap has been written over.
  const known = generation === plane.generation || generation === plane.generation - 1;
  const row = layout.rulesetRow(generation & 1, policy);
  const fits = known && rule !== layout.defaultRule;
  const address = six ? addressText : fourText;
  return {
    wire: names.text('wire', flow.wire, 'id'),
    client: wire?.client ?? '',
    service: wire?.service ?? '',
    protocol: protocolText(flow.protocol),
    source: address(flow.source),
    sourcePort: portNumber(flow.source_port),
    destination: address(flow.destination),
    destinationPort: portNumber(flow.destination_port),
    strand: strand === 0 ? null : (strands.get(strand) ?? `#${String(strand)}`),
    class: known ? names.text('class', classKey(row, class_id)) : null,
    rule: fits ? names.text('rule', row * layout.limits.rules + rule) : null,
    mark: mark === layout.noMark ? null : dscpText(mark),
    counters: countersOf(value),
    idleMs: Math.max(0, Math.round(atMs - Number(last_ns / 1000n) / 1000)),
    moves,
    pinned: (flags & layout.sessionFlags.pinned) !== 0,
    learned: (flags & layout.sessionFlags.learned) !== 0,
    fragment: (flags & layout.sessionFlags.fragment) !== 0,
    current: generation === plane.generation,
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

function fourText(address: Uint8Array): string {
  return address.join('.');
}

/** The clock of `last_ns`. */
function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}
