// SPDX-License-Identifier: Apache-2.0
/**
 * The wires of this forwarder: each is made as wished, compared with what is
 * found, repaired, removed, and closed when a namespace of its dies.
 *
 * Leaves: the interfaces, on purpose; they carry the connection's id as alias.
 */
import { status } from '@grpc/grpc-js';
import { Turns } from '../../../api/chain/turns.js';
import type { Logger } from '../../../api/log/log.js';
import { WireError } from '../../../api/errors/wire-error.js';
import type { Netns } from '../../../bpf/netns/netns.js';
import { mayStandBehind } from '../../links/plan.js';
import type { Deaths } from '../../namespaces/deaths.js';
import { openPlace, placeKey } from '../../namespaces/namespaces.js';
import { converge, type Indexes } from './converge.js';
import type { Reaper } from './reaper.js';
import type { Side, Wish } from './side.js';

/** One wire that stands, or is being made. */
export interface Wire {
  readonly wish: Wish;
  /** Where its ends were found last; none before the first success. */
  readonly indexes?: Indexes;
}

/** What {@link Wires} works with. */
export interface WiresOptions {
  readonly log: Logger;
  readonly deaths: Pick<Deaths, 'watch'>;
  readonly reaper: Reaper;
}

/** See the head of this file. */
export class Wires {
  readonly #options: WiresOptions;
  readonly #wires = new Map<string, Wire>();
  readonly #ids = new Map<string, Set<string>>();
  readonly #turns = new Map<string, Turns>();

  constructor(options: WiresOptions) {
    this.#options = options;
  }

  /** How many there are. */
  get size(): number {
    return this.#wires.size;
  }

  /** The wire of a connection. */
  get(id: string): Wire | undefined {
    return this.#wires.get(id);
  }

  /** The connections with a wire into that namespace. */
  idsIn(key: string): readonly string[] {
    return [...(this.#ids.get(key) ?? [])];
  }

  /** Make it so. What stands and is as wished is not written to. A wire that could not be made may be half there: {@link restore} it. */
  async realise(wish: Wish): Promise<Wire> {
    const before = this.#wires.get(wish.id);
    this.#keep({ ...before, wish });
    using _turn = await this.#turn(wish.client);
    const { log, deaths, reaper } = this.#options;
    const [near, far] = await openBoth(wish);
    using _near = near;
    using _far = far;
    await Promise.all([
      deaths.watch(near, placeKey(wish.client.place.id)),
      deaths.watch(far, placeKey(wish.endpoint.place.id)),
    ]);
    const indexes = await converge({ near, far, wish, log, reaper, last: before?.indexes });
    const wire = { wish, indexes };
    this.#keep(wire);
    return wire;
  }

  /** Undo a {@link realise} that failed, or was in vain: back to how it was, or to nothing. */
  async restore(id: string, before: Wire | undefined): Promise<void> {
    if (before?.indexes === undefined) await this.remove(id);
    else await this.realise(before.wish);
  }

  /** Delete it; resolves when the interface is gone. An unknown one is gone already. */
  async remove(id: string): Promise<void> {
    const wire = this.#wires.get(id);
    if (wire === undefined) return;
    const { client, endpoint } = wire.wish;
    try {
      await this.#options.reaper.delete([doomed(client), doomed(endpoint)]);
    } finally {
      this.#forget(id);
    }
  }

  /** Know a wire that a former life made, and watch its namespaces. */
  async adopt(wire: Wire): Promise<void> {
    this.#keep(wire);
    const [near, far] = await openBoth(wire.wish);
    using _near = near;
    using _far = far;
    await this.#options.deaths.watch(near, placeKey(wire.wish.client.place.id));
    await this.#options.deaths.watch(far, placeKey(wire.wish.endpoint.place.id));
  }

  /** Wires that find their metrics beside each other do so one by one. */
  async #turn({ place, wanted }: Side): Promise<Disposable | undefined> {
    if (!mayStandBehind(wanted)) return undefined;
    const key = placeKey(place.id);
    const turns = this.#turns.get(key) ?? new Turns();
    this.#turns.set(key, turns);
    const turn = await turns.take(new AbortController().signal);
    return {
      [Symbol.dispose]: () => {
        turn[Symbol.dispose]();
        if (turns.idle) this.#turns.delete(key);
      },
    };
  }

  #keep(wire: Wire): void {
    this.#forget(wire.wish.id);
    this.#wires.set(wire.wish.id, wire);
    for (const key of keysOf(wire)) {
      const ids = this.#ids.get(key) ?? new Set();
      this.#ids.set(key, ids.add(wire.wish.id));
    }
  }

  #forget(id: string): void {
    const wire = this.#wires.get(id);
    if (wire === undefined) return;
    this.#wires.delete(id);
    for (const key of keysOf(wire)) {
      const ids = this.#ids.get(key);
      ids?.delete(id);
      if (ids?.size === 0) this.#ids.delete(key);
    }
  }
}

function keysOf({ wish }: Wire): string[] {
  return [wish.client, wish.endpoint].map(({ place }) => placeKey(place.id));
}

function doomed({ place, name, wanted }: Side): {
  place: Side['place'];
  name: string;
  alias: string;
} {
  return { place, name, alias: wanted.alias };
}

async function openBoth({ client, endpoint }: Wish): Promise<readonly [Netns, Netns]> {
  const [near, far] = await Promise.allSettled(
    [client, endpoint].map(({ place, wanted }) => openPlace(place, wanted.settings)),
  );
  if (near?.status === 'fulfilled' && far?.status === 'fulfilled') return [near.value, far.value];
  for (const one of [near, far]) if (one?.status === 'fulfilled') one.value[Symbol.dispose]();
  const failed = near?.status === 'rejected' ? near : far;
  throw failed?.status === 'rejected'
    ? failed.reason
    : new WireError(status.INTERNAL, 'a namespace was opened and was not');
}
