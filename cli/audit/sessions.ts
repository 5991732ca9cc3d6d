// SPDX-License-Identifier: Apache-2.0
/**
 * What one forwarder told of its sessions: for each connection which link carried it from when to
 * when. Bounded: what was heard of longest ago is forgotten, and counted. Of times for which the
 * forwarder has not shown that it tells all nothing is known: a leg ends where the hearing does.
 */
import type { EventWire, SessionChange } from '../../forwarder/operator/session-event.js';
import type { Connection } from './entry.js';

/** A while that a session spent on one strand. */
export interface Leg {
  readonly from: number;
  /** Infinity while it goes on. */
  readonly to: number;
  /** What it began with. What was before a `create` is nothing, before the others it is not known. */
  readonly began: SessionChange['kind'];
  /** It ended with the connection. */
  readonly closed: boolean;
  readonly wire: EventWire;
  readonly class: string;
  readonly rule: string;
  readonly strand: string;
  readonly link: string;
}

/** How much is remembered. */
export interface SessionLimits {
  readonly sessions: number;
  /** Of one session. */
  readonly legs: number;
}

interface Kept extends Omit<Leg, 'to' | 'closed'> {
  to: number;
  closed: boolean;
  /** In which hearing it began. */
  readonly hearing: number;
}

const usual: SessionLimits = { sessions: 65_536, legs: 32 };
/** Beyond it they are not shared any more. */
const mostWires = 4_096;
/** Of longer ago nothing is known. */
const mostHearings = 256;

/** See the head of this file. */
export class Sessions {
  readonly #limits: SessionLimits;
  /** By connection, what was heard of longest ago first. */
  readonly #legs = new Map<string, Kept[]>();
  readonly #wires = new Map<string, EventWire>();
  /** From when to when all was heard; the last one may go on. */
  readonly #hearings: { readonly from: number; to: number }[] = [];
  #heard = false;
  /** The number of the last. */
  #hearing = 0;
  #gaps = 0;
  #forgotten = 0;

  constructor(limits: SessionLimits = usual) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#legs.size;
  }

  /** Sessions that there was no room for. */
  get forgotten(): number {
    return this.#forgotten;
  }

  /** How often it was not heard any more. */
  get gaps(): number {
    return this.#gaps;
  }

  get heard(): boolean {
    return this.#heard;
  }

  /** What happens from `at` on is told. */
  hear(at: number): void {
    this.#heard = true;
    this.#hearings.push({ from: at, to: at });
    if (this.#hearings.length > mostHearings) this.#hearings.shift();
    this.#hearing++;
  }

  /** All that happened before `at` has been told. */
  confirm(at: number): void {
    const last = this.#hearings.at(-1);
    if (this.#heard && last !== undefined) last.to = Math.max(last.to, at);
  }

  /** Nothing is told until it is heard again. */
  lose(): void {
    if (this.#heard) this.#gaps++;
    this.#heard = false;
  }

  /** Times mean something else than before: the clock was set. */
  clear(): void {
    this.#legs.clear();
    this.#hearings.length = 0;
  }

  /** Whether all was told of the time between. */
  wasHeard(from: number, to: number): boolean {
    return this.#hearings.some((one) => one.from <= from && one.to >= to);
  }

  /** What happened. */
  apply(event: SessionChange): void {
    this.confirm(event.at);
    const key = keyOf(event);
    const legs = this.#legs.get(key) ?? [];
    const last = legs.findLast((leg) => isSame(leg.wire, event.wire));
    if (last !== undefined) this.#end(last, event);
    if (event.kind !== 'close') {
      legs.push(this.#leg(event));
      if (legs.length > this.#limits.legs) legs.shift();
    }
    if (legs.length === 0) return;
    this.#legs.delete(key);
    this.#legs.set(key, legs);
    this.#makeRoom();
  }

  /** The legs of a connection that overlap a time, in order; those of several wires may overlap each other. */
  legs(connection: Connection, from: number, to: number): readonly Leg[] {
    return (this.#legs.get(keyOf(connection)) ?? [])
      .map(({ hearing, ...leg }) => ({ ...leg, to: Math.min(leg.to, this.#endOf(hearing)) }))
      .filter((leg) => leg.from <= to && leg.to >= from);
  }

  /** Forget what was over before that. */
  sweep(before: number): void {
    for (const [key, legs] of this.#legs) {
      const over = legs.every((leg) => Math.min(leg.to, this.#endOf(leg.hearing)) < before);
      if (over) this.#legs.delete(key);
    }
  }

  /** Hearings are numbered from the first one; the last have not been forgotten. */
  #endOf(hearing: number): number {
    return this.#hearings.at(hearing - this.#hearing - 1)?.to ?? -Infinity;
  }

  #end(leg: Kept, { at, kind }: SessionChange): void {
    if (leg.to !== Infinity) return;
    // What is told of a moment before is told late: it was so from that leg's beginning.
    leg.to = Math.max(at, leg.from);
    leg.closed = kind === 'close';
  }

  #leg(event: SessionChange): Kept {
    return {
      from: event.at,
      to: Infinity,
      began: event.kind,
      closed: false,
      wire: this.#wireOf(event.wire),
      class: event.class,
      rule: event.rule,
      strand: event.strand,
      link: event.link,
      hearing: this.#hearing,
    };
  }

  /** Each wire once in memory: it has many sessions. */
  #wireOf(wire: EventWire): EventWire {
    const known = this.#wires.get(wire.id);
    if (known !== undefined) return known;
    if (this.#wires.size >= mostWires) this.#wires.clear();
    this.#wires.set(wire.id, wire);
    return wire;
  }

  #makeRoom(): void {
    for (const key of this.#legs.keys()) {
      if (this.#legs.size <= this.#limits.sessions) return;
      this.#legs.delete(key);
      this.#forgotten++;
    }
  }
}

/** A wire that was asked for anew has another id, and the same interface. */
function isSame(a: EventWire, b: EventWire): boolean {
  return a.id === b.id || (a.client === b.client && a.interface === b.interface);
}

function keyOf({
  protocol,
  source,
  destination,
}: Omit<Connection, 'protocol'> & { readonly protocol: string }): string {
  return `${protocol} ${source} ${destination}`;
}
