// SPDX-License-Identifier: Apache-2.0
/**
 * Tells what happens to sessions to those who follow it. The programs tell
 * nothing while nobody does, and nothing is kept here: what nobody has read yet
 * waits in the ring buffer.
 *
 * Who only counts moves has the programs tell of those alone, which is nothing as long as links are well.
 *
 * Leaves: the wish to be told, where somebody followed. What happens until the
 * next life waits for whoever follows there within `graceMs`; it is not read for who counts before that.
 */
import { status } from '@grpc/grpc-js';
import type { Clock, Timer } from '../../api/chain/clock.js';
import { WireError } from '../../api/errors/wire-error.js';
import type { eventsWanted } from '../../bpf/loader/layout.js';
import type { RingBuffer, RingOptions } from '../../bpf/loader/ring.js';
import type { Following } from '../operator/operator.js';
import type { SessionEvent } from '../operator/session-event.js';
import { Epoch, monotonicNs } from './epoch.js';
import { presentSessions, type PresentSource } from './present-sessions.js';
import { SessionText } from './session-text.js';

/** What the programs tell of sessions. */
export type EventsWanted = keyof typeof eventsWanted;

/** What of the plane is used. */
export interface EventSource extends PresentSource {
  /** What the programs tell. */
  eventsWanted: EventsWanted;
  /** The ring buffer, at rest. */
  events(
    options: Omit<RingOptions, 'recordSize'>,
  ): Pick<RingBuffer, 'read' | 'rest' | typeof Symbol.dispose>;
  /** How many records found no room since it was last asked. */
  takeLost(): number;
}

/** What {@link SessionFeed} works with. */
export interface SessionFeedOptions {
  readonly plane: EventSource;
  readonly clock: Clock;
  /** How long those who followed a former life may take to come back, in milliseconds. */
  readonly graceMs?: number;
  readonly monotonic?: () => bigint;
}

type Told = (events: readonly SessionEvent[]) => void;
/** Records of `layout.event`, moves among them, and how many were lost. */
type Counted = (records: Buffer, lost: number) => void;

const mostFollowers = 16;
const usualGraceMs = 30_000;

/** See the head of this file. */
export class SessionFeed implements Disposable {
  readonly #plane: EventSource;
  readonly #epoch: Epoch;
  readonly #ring: ReturnType<EventSource['events']>;
  readonly #followers = new Set<Told>();
  readonly #counters = new Set<Counted>();
  #grace: Timer | undefined;
  #closed = false;

  constructor(options: SessionFeedOptions) {
    const { plane, clock, graceMs = usualGraceMs, monotonic = monotonicNs } = options;
    this.#plane = plane;
    this.#epoch = new Epoch(clock, monotonic);
    const onRecords = (records: Buffer): void => this.#take(records);
    this.#ring = plane.events({ clock, onRecords });
    if (plane.eventsWanted === 'none') this.#ring.read();
    else {
      this.#grace = clock.after(graceMs, () => {
        this.#grace = undefined;
        this.#rest();
      });
    }
  }

  /** As the operator offers it. */
  follow(told: Told): Following {
    if (this.#closed) throw new WireError(status.UNAVAILABLE, 'the forwarder is stopping');
    if (this.#followers.size === mostFollowers) {
      const text = `${String(mostFollowers)} readers follow the sessions already: want fewer`;
      throw new WireError(status.RESOURCE_EXHAUSTED, text);
    }
    // A function of its own for each: the same one may be given twice.
    const follower: Told = (events) => told(events);
    const following = {
      [Symbol.dispose]: (): void => {
        if (this.#followers.delete(follower) && this.#followers.size === 0) this.#rest();
      },
    };
    this.#followers.add(follower);
    this.#endGrace();
    // First: what happens from now on is told, what was before is among those that are read below.
    this.#plane.eventsWanted = 'all';
    try {
      const present = presentSessions(this.#plane, this.#epoch.now());
      this.#ring.read();
      return { present, ...following };
    } catch (reason) {
      following[Symbol.dispose]();
      throw reason;
    }
  }

  /** Hear of the moves alone, as records, until disposed. */
  count(counted: Counted): Disposable {
    if (this.#closed) throw new WireError(status.UNAVAILABLE, 'the forwarder is stopping');
    const counter: Counted = (records, lost) => counted(records, lost);
    this.#counters.add(counter);
    // What waits for who follows all of it waits on.
    const isAwaited = this.#grace !== undefined && this.#plane.eventsWanted === 'all';
    if (!isAwaited) {
      this.#endGrace();
      this.#rest();
    }
    return {
      [Symbol.dispose]: () => {
        const isLast = this.#counters.delete(counter) && this.#counters.size === 0;
        if (isLast && this.#grace === undefined && !this.#closed) this.#rest();
      },
    };
  }

  /** What has not been read is left to the next life. */
  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#endGrace();
    this.#ring[Symbol.dispose]();
    this.#followers.clear();
    this.#counters.clear();
  }

  #endGrace(): void {
    this.#grace?.cancel();
    this.#grace = undefined;
  }

  /** No more than somebody wants to hear; where nobody does, what is left is read and forgotten. */
  #rest(): void {
    if (this.#followers.size > 0) return;
    this.#plane.eventsWanted = this.#counters.size > 0 ? 'moves' : 'none';
    this.#ring.read();
  }

  #take(records: Buffer): void {
    const count = this.#plane.takeLost();
    for (const counter of [...this.#counters]) counter(records, count);
    if (this.#followers.size === 0) return;
    this.#epoch.look();
    const events: SessionEvent[] = new SessionText(this.#plane).changes(records, this.#epoch);
    if (count > 0) events.push({ at: this.#epoch.now(), kind: 'lost', count });
    if (events.length === 0) return;
    for (const follower of [...this.#followers]) follower(events);
  }
}
