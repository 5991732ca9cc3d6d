// SPDX-License-Identifier: Apache-2.0
/**
 * The data plane loaded for a test, with maps of its own; packets are put into
 * `wire_tx` one by one. A packet comes in by the loopback interface, which is
 * the port of the wire that {@link TestPlane.setWire} named last.
 */
import type { Test } from 'tap';
import * as layout from '../../bpf/loader/layout.js';
import { objectPath } from '../../bpf/loader/objects.js';
import { BpfObject } from '../../bpf/loader/object.js';
import type { BpfMap } from '../../bpf/loader/map.js';
import type { Struct, Field, StructOf } from '../../bpf/loader/struct.js';
import type { CompiledRules } from '../../forwarder/steering/compile.js';
import { bpffs } from './objects.js';
import { mapped, pinKey, sessionKey, type Tuple } from './packets.js';

const { limits, number32 } = layout;
const u32 = (value: number) => number32.encode({ value });
const loopback = 1;

/** What `wire_tx` did with a packet. */
export type Verdict = 'redirect' | 'drop' | 'pass';
const verdicts: Readonly<Record<number, Verdict>> = { 7: 'redirect', 2: 'drop', [-1]: 'pass' };

/** Tables of one rule set, with the slots of its classes for one peer. */
export interface Tables {
  readonly compiled: CompiledRules;
  /** By class id: levels of 64 strands. */
  readonly slots: readonly (readonly (readonly number[])[])[];
  /** How many levels may be taken as a strand is avoided, and the number of the SLA, of all classes. */
  readonly soft?: number;
  readonly sla?: number;
  readonly peer?: number;
  readonly policy?: number;
}

/** Rules that send everything to one class, with these levels of strands. */
export function oneClass(...levels: readonly (readonly number[])[]): Tables {
  return {
    compiled: {
      rules: [],
      defaultClass: 0,
      classNames: ['only'],
      dimensionsMask: 0,
      criteria: [],
      exact: new Map(),
      labelBits: () => [],
    },
    slots: [levels.map(filled)],
  };
}

/** 64 slots with these strands by turns. */
export function filled(strands: readonly number[]): number[] {
  return Array.from({ length: limits.slots }, (_, n) => strands[n % strands.length] ?? 0);
}

/** See the head of this file. */
export class TestPlane implements Disposable {
  readonly object: BpfObject;
  /** In a bpffs. */
  readonly pins: string;
  #wire = 0;

  private constructor(object: BpfObject, pins: string) {
    this.object = object;
    this.pins = pins;
  }

  /**
   * Load it, for as long as the test runs; another object than the built one where its path is
   * given. Strands 1 and up are set by the test.
   */
  static open(t: Test, sessions = 4096, path = objectPath('wire')): TestPlane {
    const object = BpfObject.open(path);
    object.setMaxEntries('sessions4', sessions);
    object.setMaxEntries('sessions6', sessions);
    const plane = new TestPlane(object, bpffs(t));
    object.load({ pinDirectory: plane.pins });
    t.teardown(() => {
      plane[Symbol.dispose]();
    });
    plane.control('layout', layout.layoutVersion);
    return plane;
  }

  map(name: string): BpfMap {
    return this.object.map(name);
  }

  control(field: keyof typeof layout.control.offsets, value: number): void {
    this.map('control').store32(0, layout.control.offsets[field], value);
  }

  get generation(): number {
    return this.map('control').load32(0, layout.control.offsets.generation);
  }

  /** A wire, led from here, whose port is the loopback interface where nothing else is said. */
  setWire(number: number, wire: Partial<layout.Wire> = {}): void {
    const { used, leader, peer } = layout.wireFlags;
    const usual = { flags: used | leader | peer, port: loopback, target: loopback, peer: 1 };
    const value = { ...usual, vni: number, mtu: 1450, ...wire };
    // A port is of one wire at a time.
    const before = this.map('ports').lookup(u32(value.port));
    if (before !== undefined) this.map('wires').update(before, Buffer.alloc(layout.wire.size));
    this.map('wires').update(u32(number), layout.wire.encode(value));
    this.map('ports').update(u32(value.port), u32(number));
    this.map('tunnels').update(layout.tunnel.encode(value), u32(number));
    this.#wire = number;
  }

  /** A strand over IPv4 that is up; its addresses come from its number. */
  setStrand(id: number, strand: Partial<layout.Strand> = {}): void {
    const value = {
      local: mapped(`192.0.2.${String(id % 250)}`),
      remote: mapped(`198.51.100.${String(id % 250)}`),
      device: loopback,
      peer: 1,
      link: id,
      mtu: 1450,
      family: 4,
      ...strand,
    };
    this.map('strands').update(u32(id), layout.strand.encode(value));
    this.map('paths').update(
      layout.path.encode(value),
      layout.pathOf.encode({ strand: id, peer: value.peer }),
    );
  }

  /** Why it is not usable; usable again with none. */
  setDown(id: number, reasons: number): void {
    this.map('strands').store32(id, layout.strand.offsets.down, reasons);
  }

  /** Whether nothing is answered on it. */
  setSilent(id: number, silent: boolean): void {
    this.map('strands').store32(id, layout.strand.offsets.silent, silent ? 1 : 0);
  }

  /** Bit 0: for everybody; bit n: for sessions of SLA number n. */
  setAvoid(id: number, bits: number): void {
    this.map('strands').store32(id, layout.strand.offsets.avoid, bits);
  }

  /** How many sessions a second come home to it; 0 is no limit. */
  setReturnRate(id: number, rate: number): void {
    this.map('probes').store32(id, layout.probe.offsets.return_rate, rate);
  }

  /** No session comes home to it, for the next hour. */
  holdReturns(id: number): void {
    this.setReturnRate(id, 1);
    this.setQuality(id, { return_ns: process.hrtime.bigint() + 3_600_000_000_000n });
  }

  /** What is measured of a strand. */
  quality(id: number): layout.Quality {
    return layout.quality.decode(this.map('quality').lookup(u32(id)) ?? Buffer.alloc(0));
  }
  setQuality(id: number, change: Partial<layout.Quality>): void {
    const value = layout.quality.encode({ ...this.quality(id), ...change });
    this.map('quality').update(u32(id), value);
  }

  /** What TCP tells of a strand. */
  evidence(id: number): layout.Evidence {
    return layout.evidence.decode(this.map('evidence').lookup(u32(id)) ?? Buffer.alloc(0));
  }

  /** The largest packet that it takes. */
  setMtu(id: number, mtu: number): void {
    const key = u32(id);
    const before = this.map('strands').lookup(key) ?? Buffer.alloc(layout.strand.size);
    this.map('strands').update(key, layout.strand.encode({ ...layout.strand.decode(before), mtu }));
  }

  /** Write the bank that is not in force, and put it in force. The labels are those of the wire. */
  apply(tables: Tables, labels: Readonly<Record<string, string>> = {}): void {
    const generation = this.generation + 1;
    this.write(generation & 1, tables, labels);
    this.control('generation', generation);
  }

  /** Write a bank. */
  write(bank: number, tables: Tables, labels: Readonly<Record<string, string>> = {}): void {
    const { compiled, slots, peer = 1, policy = 0, soft = 0, sla = 0 } = tables;
    const row = layout.rulesetRow(bank, policy);
    const table = (dimension: number) => layout.criterionTable(bank, policy, dimension);
    this.#clear('criteria', layout.criterion, (key) => key.table >>> 16 === bank);
    this.#clear('classes', layout.classOf, (key) => key.bank === bank);
    this.#put('rules', number32, layout.rule, [
      ...compiled.rules.map(
        ({ classId, mark }, at) =>
          [{ value: row * limits.rules + at }, { class_id: classId, mark }] as const,
      ),
    ]);
    this.#put(
      'criteria',
      layout.criterion,
      layout.bits,
      compiled.criteria.map(({ dimension, length, data, bits }) => [
        { length: 32 + length, table: table(dimension), data },
        { word: bits },
      ]),
    );
    this.#put(
      'exact',
      number32,
      layout.bits,
      [...compiled.exact].map(([at, word]) => [{ value: row * limits.exact + at }, { word }]),
    );
    this.#put('wire_rules', layout.wireBank, layout.bits, [
      [{ wire: this.#wire, bank }, { word: compiled.labelBits(labels) }],
    ]);
    this.#put(
      'classes',
      layout.classOf,
      layout.classSlots,
      slots.map((levels, class_id) => [
        { bank, peer, policy, class_id },
        { levels: levels.length, soft, sla, slots: levels.flat() },
      ]),
    );
    const rules = compiled.rules.length;
    const { defaultClass: default_class, dimensionsMask: dimensions } = compiled;
    this.#put('rulesets', number32, layout.ruleset, [
      [{ value: row }, { rules, default_class, dimensions }],
    ]);
  }

  /** Let a frame come out of the wire's port. */
  send(frame: Buffer): Verdict {
    return this.run(frame).verdict;
  }

  /** As {@link send}, and the frame as it is afterwards. */
  run(frame: Buffer): { readonly verdict: Verdict; readonly packet: Buffer } {
    const { retval, packet } = this.object.program('wire_tx').testRun(frame);
    const verdict = verdicts[retval];
    if (verdict === undefined) throw new RangeError(`wire_tx returned ${String(retval)}`);
    return { verdict, packet };
  }

  /** The cached session of the wire, if there is one. */
  session(tuple: Tuple): layout.Session | undefined {
    const { family, key } = sessionKey(this.#wire, tuple);
    const found = this.map(`sessions${String(family)}`).lookup(key);
    return found && layout.session.decode(found);
  }

  /** The same; it must be there. */
  known(tuple: Tuple): layout.Session {
    const found = this.session(tuple);
    if (found === undefined) throw new RangeError(`no session of ${JSON.stringify(tuple)}`);
    return found;
  }

  /** All cached sessions of every wire. */
  sessions(family: 4 | 6): (readonly [Omit<layout.Flow4, 'source'>, layout.Session])[] {
    const key = family === 4 ? layout.flow4 : layout.flow;
    return this.map(`sessions${String(family)}`)
      .entries()
      .map(([one, value]) => [key.decode(one), layout.session.decode(value)] as const);
  }

  /** Change a cached session behind the program's back. */
  setSession(tuple: Tuple, change: Partial<layout.Session>): void {
    const { family, key } = sessionKey(this.#wire, tuple);
    const value = layout.session.encode({ ...this.known(tuple), ...change });
    this.map(`sessions${String(family)}`).update(key, value);
  }

  pin(tuple: Tuple, strand: number | undefined): void {
    const key = pinKey(this.#wire, tuple);
    if (strand === undefined) this.map('pins').delete(key);
    else this.map('pins').update(key, layout.pin.encode({ strand }));
    this.control('pins', this.map('pins').keys().length);
  }

  /** Of all CPUs. */
  wireStats(number = this.#wire): layout.WireStats {
    return this.#sum('wire_stats', layout.wireStats, number);
  }
  strandStats(id: number): layout.Stats {
    return this.#sum('strand_stats', layout.stats, id);
  }
  ruleStats(rule: number, policy = 0): layout.Stats {
    const row = layout.rulesetRow(this.generation & 1, policy);
    return this.#sum('rule_stats', layout.stats, row * limits.rules + rule);
  }

  /** How many packets were dropped for each reason that dropped any. */
  drops(number = this.#wire): Partial<Record<layout.DropReason, number>> {
    const { drops } = this.wireStats(number);
    const counts = layout.dropReasons.map((name, at) => [name, Number(drops[at])] as const);
    return Object.fromEntries(counts.filter(([, count]) => count > 0));
  }

  [Symbol.dispose](): void {
    this.object[Symbol.dispose]();
  }

  #put<K extends Fields, V extends Fields>(
    name: string,
    key: Struct<K>,
    value: Struct<V>,
    entries: readonly (readonly [
      Parameters<Struct<K>['encode']>[0],
      Parameters<Struct<V>['encode']>[0],
    ])[],
  ): void {
    if (entries.length === 0) return;
    this.map(name).updateBatch(
      entries.map(([one]) => key.encode(one)),
      entries.map(([, one]) => value.encode(one)),
    );
  }

  #clear<K extends Fields>(
    name: string,
    key: Struct<K>,
    fits: (key: StructOf<Struct<K>>) => boolean,
  ): void {
    const map = this.map(name);
    map.deleteBatch(map.keys().filter((one) => fits(key.decode(one))));
  }

  #sum<V extends Fields>(name: string, value: Struct<V>, at: number): StructOf<Struct<V>> {
    const map = this.map(name);
    const all = map.lookup(u32(at)) ?? Buffer.alloc(0);
    const size = all.length / map.possibleCpus;
    const sum = Buffer.alloc(value.size);
    for (let from = 0; from < all.length; from += size) {
      for (let word = 0; word < value.size; word += 8) {
        sum.writeBigUInt64LE(sum.readBigUInt64LE(word) + all.readBigUInt64LE(from + word), word);
      }
    }
    return value.decode(sum);
  }
}

type Fields = Readonly<Record<string, Field>>;
