// SPDX-License-Identifier: Apache-2.0
/**
 * Tells what happens to sessions to those who follow it. The programs tell
 * nothing while nobody does, and nothing is kept here: what nobody has read yet
 * waits in the ring buffer.
 *
 * Leaves: the wish to be told, where somebody followed. What happens until the
 * next life waits for whoever follows there within `graceMs`.
 */
import { status } from '@grpc/grpc-js';
import type { Clock, Timer } from '../../api/chain/clock.js';
import { WireError } from '../../api/errors/wire-error.js';
import type { RingBuffer, RingOptions } from '../../bpf/loader/ring.js';
import type { Following } from '../operator/operator.js';
import type { SessionEvent } from '../operator/session-event.js';
import { Epoch, monotonicNs } from './epoch.js';
import { presentSessions, type PresentSource } from './present-sessions.js';
import { SessionText } from './session-text.js';

/** What of the plane is used. */
export interface EventSource extends PresentSource {
  /** Whether the programs tell what happens. */
  eventsWanted: boolean;
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

const mostFollowers = 16;
const usualGraceMs = 30_000;

/** See the head of this file. */
export class SessionFeed implements Disposable {
  readonly #plane: EventSource;
  readonly #epoch: Epoch;
  readonly #ring: ReturnType<EventSource['events']>;
  readonly #followers = new Set<Told>();
  #grace: Timer | undefined;
  #closed = false;

  constructor(options: SessionFeedOptions) {
    const { plane, clock, graceMs = usualGraceMs, monotonic = monotonicNs } = options;
    this.#plane = plane;
    this.#epoch = new Epoch(clock, monotonic);
    const onRecords = (records: Buffer): void => this.#take(records);
    this.#ring = plane.events({ clock, onRecords });
    if (plane.eventsWanted) this.#grace = clock.after(graceMs, () => this.#rest());
    else this.#ring.read();
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
    this.#grace?.cancel();
    // First: what happens from now on is told, what was before is among those that are read below.
    this.#plane.eventsWanted = true;
    try {
      const present = presentSessions(this.#plane, this.#epoch.now());
      this.#ring.read();
      return { present, ...following };
    } catch (reason) {
      following[Symbol.dispose]();
      throw reason;
    }
  }

  /** What has not been read is left to the next life. */
  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#grace?.cancel();
    this.#ring[Symbol.dispose]();
    this.#followers.clear();
  }

  /** Nobody follows: what is left is read and forgotten. */
  #rest(): void {
    this.#plane.eventsWanted = false;
    this.#ring.read();
  }

  #take(records: Buffer): void {
    const count = this.#plane.takeLost();
    if (this.#followers.size === 0) return;
    this.#epoch.look();
    const events: SessionEvent[] = new SessionText(this.#plane).changes(records, this.#epoch);
    if (count > 0) events.push({ at: this.#epoch.now(), kind: 'lost', count });
    if (events.length === 0) return;
    for (const follower of [...this.#followers]) follower(events);
  }
}
