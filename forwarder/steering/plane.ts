// SPDX-License-Identifier: Apache-2.0
/**
 * The data plane's pinned maps and programs, as a former life left them or as
 * they are made now. Nothing here knows of policies or Requests.
 *
 * Leaves: everything, on purpose: packets flow without this process.
 */
import { rmSync } from 'node:fs';
import type { Logger } from '../../api/log/log.js';
import { openPlane, type OpenedPlane } from '../../bpf/loader/adopt.js';
import { attach, attachments, type Attachment } from '../../bpf/loader/attach.js';
import { need } from '../../bpf/loader/features.js';
import { gracePeriod } from '../../bpf/loader/grace.js';
import * as layout from '../../bpf/loader/layout.js';
import type { BpfMap } from '../../bpf/loader/map.js';
import { RingBuffer, type RingOptions } from '../../bpf/loader/ring.js';
import { objectPath } from '../../bpf/loader/objects.js';
import type { EventsWanted } from './session-feed.js';
import { StrandWords } from './strand-words.js';
import { Table } from './table.js';

const { number32 } = layout;

/** What {@link Plane.open} works with. */
export interface PlaneOptions {
  /** The forwarder's own directory in a bpffs. */
  readonly directory: string;
  readonly log: Logger;
  /** Cached sessions of each family, where the map is made now. */
  readonly sessions: number;
  /** New cached sessions per second and wire; 0 is no limit. */
  readonly insertRate: number;
  /** UDP port that every node answers probes on; that of RFC 8762 where not given. */
  readonly stampPort?: number;
}

/** The programs, by whether they see what comes in or what goes out. */
const hooks = {
  wire_tx: 'ingress',
  wire_rx: 'ingress',
  stamp_rx: 'ingress',
  stamp_rx_l3: 'ingress',
  stamp_tx: 'egress',
  stamp_tx_l3: 'egress',
} as const;
/** One of them. */
export type PlaneProgram = keyof typeof hooks;

/** What a name is of. */
export type Kind = keyof typeof layout.kinds;

/** One of the programs at its interface. */
export interface PlaneAttachment {
  readonly program: PlaneProgram;
  readonly ifindex: number;
  /** Take it away. */
  readonly detach: () => Promise<void>;
}

/** See the head of this file. */
export class Plane implements Disposable {
  readonly tables;
  readonly strands: StrandWords;
  /** Per CPU, by row. */
  readonly ruleStats: BpfMap;
  readonly #opened: OpenedPlane;
  readonly #control: BpfMap;
  readonly #lost: BpfMap;
  readonly #directory: string;
  readonly #names = new Map<string, string>();
  /** What numbers of wires and strands meant last: one may be told of a moment after it went. */
  readonly #former = new Map<string, string>();

  private constructor(opened: OpenedPlane, options: PlaneOptions) {
    const { directory, insertRate, stampPort = layout.stampPort } = options;
    this.#opened = opened;
    this.#directory = directory;
    this.tables = tablesOf((name) => opened.map(name));
    this.#control = opened.map('control');
    this.strands = new StrandWords((name) => opened.map(name));
    this.#lost = opened.map('lost');
    this.ruleStats = opened.map('rule_stats');
    const { offsets } = layout.control;
    this.#control.store32(0, offsets.layout, layout.layoutVersion);
    this.#control.store32(0, offsets.insert_rate, insertRate);
    this.#control.store32(0, offsets.stamp_port, stampPort);
    for (const [{ kind, id }, { text }] of this.tables.names.entries()) {
      this.#names.set(nameKey(kind, id), textOf(text));
    }
  }

  /** Adopt what is pinned there, or load it. */
  static async open(options: PlaneOptions): Promise<Plane> {
    need('lpmTries', 'mmapableArrays', 'tunnelLocalAddress');
    const { directory, sessions, log } = options;
    const maxEntries = { sessions4: sessions, sessions6: sessions };
    const opened = await openPlane(directory, objectPath('wire'), { maxEntries });
    log.info({ directory, adopted: opened.adopted }, 'data plane opened');
    return new Plane(opened, options);
  }

  /** The number of the tables in force; 0 before the first. */
  get generation(): number {
    return this.#control.load32(0, layout.control.offsets.generation);
  }

  /** Put the other bank in force: from one packet to the next. */
  flip(): number {
    const next = ((this.generation + 1) & 0xffff_ffff) >>> 0 || 2;
    this.#control.store32(0, layout.control.offsets.generation, next);
    return next;
  }

  /** Resolves when every packet that may have read the bank not in force has gone. */
  settled(): Promise<void> {
    return gracePeriod();
  }

  /** Tell the programs how many pins there are. */
  countPins(): void {
    const pins = this.tables.pins.map.keys().length;
    this.#control.store32(0, layout.control.offsets.pins, pins);
  }

  /** Say what a number means; no text where it means nothing any more. */
  setName(kind: Kind, id: number, text: object | undefined): void {
    const number = layout.kinds[kind];
    const key = nameKey(number, id);
    if (text === undefined) {
      this.#forget(kind, id);
      return;
    }
    const json = fitting(text);
    if (this.#names.get(key) === json) return;
    this.tables.names.set({ kind: number, id }, { text: Buffer.from(json) });
    this.#names.set(key, json);
  }

  /** What a number means. */
  nameOf(kind: Kind, id: number): Readonly<Record<string, string>> | undefined {
    const text = this.#names.get(nameKey(layout.kinds[kind], id));
    return text === undefined ? undefined : parse(text);
  }

  /** What a number means, or of a wire or strand that is gone meant last. */
  lastNameOf(kind: Kind, id: number): Readonly<Record<string, string>> | undefined {
    const text = this.#former.get(nameKey(layout.kinds[kind], id));
    return this.nameOf(kind, id) ?? (text === undefined ? undefined : parse(text));
  }

  /** All numbers of a kind that mean something. */
  namesOf(kind: Kind): ReadonlyMap<number, Readonly<Record<string, string>>> {
    const prefix = `${String(layout.kinds[kind])}:`;
    const own = [...this.#names].filter(([key]) => key.startsWith(prefix));
    return new Map(own.map(([key, text]) => [Number(key.slice(prefix.length)), parse(text)]));
  }

  /** What the programs tell of sessions. */
  get eventsWanted(): EventsWanted {
    const word = this.#control.load32(0, layout.control.offsets.events);
    if (word === layout.eventsWanted.none) return 'none';
    return word === layout.eventsWanted.moves ? 'moves' : 'all';
  }
  set eventsWanted(wanted: EventsWanted) {
    const word = layout.eventsWanted[wanted];
    this.#control.store32(0, layout.control.offsets.events, word);
  }

  /** What the programs tell of sessions; at rest. */
  events(options: Omit<RingOptions, 'recordSize'>): RingBuffer {
    const pin = `${this.#directory}/maps/events`;
    return RingBuffer.open(pin, { ...options, recordSize: layout.event.size });
  }

  /** How many records found no room since it was last asked, by whatever life. */
  takeLost(): number {
    const { counted, told } = layout.lost.offsets;
    const now = this.#lost.load32(0, counted);
    const count = (now - this.#lost.load32(0, told)) >>> 0;
    if (count > 0) this.#lost.store32(0, told, now);
    return count;
  }

  /** Remove all of it: nothing is steered any more. Then dispose. */
  remove(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** Forget a program attached to an interface that is gone. */
  unpin(program: PlaneProgram, ifindex: number): void {
    rmSync(this.#pin(program, ifindex), { force: true });
  }

  /**
   * Let a program see an interface's packets. A wire's host end is ours alone and
   * gets a filter: each tcx link costs a grace period of RCU with the kernel's
   * network lock held, once more when the device goes.
   */
  attach(program: PlaneProgram, ifindex: number): Promise<Attachment> {
    const where = { ifindex, hook: hooks[program], pin: this.#pin(program, ifindex) };
    const how = program === 'wire_tx' ? 'clsact' : undefined;
    return attach(this.#opened.program(program), where, how);
  }

  /** What former lives attached of these programs, too; what is at a device that is gone is not among them. */
  async attached(programs: readonly PlaneProgram[]): Promise<readonly PlaneAttachment[]> {
    const all = await attachments(`${this.#directory}/links`);
    return programs.flatMap((program) =>
      all
        .filter(({ pin, ifindex }) => pin === this.#pin(program, ifindex))
        .map(({ ifindex, detach }) => ({ program, ifindex, detach })),
    );
  }

  #forget(kind: Kind, id: number): void {
    const number = layout.kinds[kind];
    const key = nameKey(number, id);
    const text = this.#names.get(key);
    if (text === undefined) return;
    if (kind === 'wire' || kind === 'strand') this.#former.set(key, text);
    this.#names.delete(key);
    this.tables.names.delete({ kind: number, id });
  }

  #pin(program: string, ifindex: number): string {
    return `${this.#directory}/links/${program}-${String(ifindex)}`;
  }

  [Symbol.dispose](): void {
    this.#opened[Symbol.dispose]();
  }
}

function tablesOf(map: (name: string) => BpfMap) {
  return {
    ports: new Table(map('ports'), number32, number32),
    wires: new Table(map('wires'), number32, layout.wire),
    strands: new Table(map('strands'), number32, layout.strand),
    paths: new Table(map('paths'), layout.path, layout.pathOf),
    tunnels: new Table(map('tunnels'), layout.tunnel, number32),
    rulesets: new Table(map('rulesets'), number32, layout.ruleset),
    rules: new Table(map('rules'), number32, layout.rule),
    criteria: new Table(map('criteria'), layout.criterion, layout.bits),
    exact: new Table(map('exact'), number32, layout.bits),
    wireRules: new Table(map('wire_rules'), layout.wireBank, layout.bits),
    classes: new Table(map('classes'), layout.classOf, layout.classSlots),
    sessions4: new Table(map('sessions4'), layout.flow4, layout.session),
    sessions6: new Table(map('sessions6'), layout.flow, layout.session),
    pins: new Table(map('pins'), layout.flow, layout.pin),
    names: new Table(map('names'), layout.nameOf, layout.name),
  };
}

/** As JSON; of what is longer than its place, the longest texts are cut. */
function fitting(text: object): string {
  for (let most = 128; ; most -= 8) {
    const json = JSON.stringify(text, (_key, value: unknown) =>
      typeof value === 'string' ? value.slice(0, most) : value,
    );
    if (Buffer.byteLength(json) < layout.limits.name) return json;
  }
}

function nameKey(kind: number, id: number): string {
  return `${String(kind)}:${String(id)}`;
}

function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return Buffer.from(bytes.subarray(0, end < 0 ? undefined : end)).toString();
}

function parse(text: string): Readonly<Record<string, string>> {
  return JSON.parse(text) as Record<string, string>;
}
