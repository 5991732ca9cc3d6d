// SPDX-License-Identifier: Apache-2.0
/**
 * Tells clients of this node when nothing of their wires reaches the other end any
 * more, as state DOWN, and UP when something does again. While one strand is left
 * there is nothing to tell.
 */
import { State, type Connection } from '../../api/gen/connection.js';
import type { ConnectionEvents } from '../../api/elements/connection-events.js';
import type { SteeredWire } from './wire.js';

/** What {@link Reach} works with. */
export interface ReachOptions {
  readonly steering: { readonly wires: readonly Pick<SteeredWire, 'id' | 'leader' | 'peer'>[] };
  /** Whether any strand to the peer of that name is answered, or may be. */
  readonly answers: (peer: string) => boolean;
  readonly events: Pick<ConnectionEvents, 'get' | 'down' | 'update'>;
}

/** See the head of this file. */
export class Reach {
  readonly #options: ReachOptions;
  /** Wires that we told DOWN of, as they were told of. */
  readonly #told = new Map<string, Connection>();

  constructor(options: ReachOptions) {
    this.#options = options;
  }

  /** Tell what has changed. */
  look(): void {
    const { steering, answers, events } = this.#options;
    const reached = new Map<string, boolean>();
    const wires = steering.wires.filter(({ leader }) => leader);
    for (const { id, peer } of wires) {
      const isReached = reached.get(peer.name) ?? answers(peer.name);
      reached.set(peer.name, isReached);
      if (isReached) this.#up(id);
      else if (!this.#told.has(id)) {
        events.down(id);
        const told = events.get(id);
        if (told !== undefined) this.#told.set(id, told);
      }
    }
    if (this.#told.size === 0) return;
    const ids = new Set(wires.map(({ id }) => id));
    for (const id of this.#told.keys()) if (!ids.has(id)) this.#told.delete(id);
  }

  #up(id: string): void {
    const told = this.#told.get(id);
    if (told === undefined) return;
    this.#told.delete(id);
    // What has been told since, by whomever, is newer.
    if (this.#options.events.get(id) === told) {
      this.#options.events.update({ ...told, state: State.UP });
    }
  }
}
