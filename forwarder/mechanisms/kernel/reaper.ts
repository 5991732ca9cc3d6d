// SPDX-License-Identifier: Apache-2.0
/**
 * Deletes wires, many at a time.
 *
 * Deleting a veth takes the kernel some 20 ms of waiting, whether it is one or
 * thirty. So what is to go is gathered while the last deletion runs; the
 * namespace with most of it is next; and its links go together, marked by a
 * group of our own. Two namespaces at a time: the waiting is done in libuv's
 * pool, of which Requests need the other half.
 *
 * What is deleted is told by name and alias, so nobody else's link can go.
 * Leaves: nothing; a wire that could not be deleted is left to the sweep.
 */
import { status } from '@grpc/grpc-js';
import type { Logger } from '../../../api/log/log.js';
import { WireError } from '../../../api/errors/wire-error.js';
import { apply, findNamed } from '../../links/session.js';
import type { Operation } from '../../links/operation.js';
import { openPlace, placeKey, type Place } from '../../namespaces/namespaces.js';

/** One end of what is to go. Either end will do: a veth's other end goes with it. */
export interface DoomedEnd {
  readonly place: Place;
  readonly name: string;
  readonly alias: string;
}

interface Doomed {
  ends: readonly DoomedEnd[];
  tries: number;
  /** A lane has it in hand. */
  busy: boolean;
  readonly gone: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/** Ours alone: only links that are about to go carry it. */
const group = 0x57_57_00_57;
const atOnce = 32;
const mostTries = 3;
const mostLanes = 2;

/** See the head of this file. */
export class Reaper {
  readonly #log: Logger;
  readonly #doomed = new Set<Doomed>();
  #lanes = 0;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Resolves when the interface is gone, or was never there. */
  delete(ends: readonly DoomedEnd[]): Promise<void> {
    const { promise, resolve, reject } = deferred();
    this.#doomed.add({ ends, tries: 0, busy: false, gone: promise, resolve, reject });
    if (this.#lanes < mostLanes) {
      this.#lanes++;
      setImmediate(() => void this.#run());
    }
    return promise;
  }

  /** Wait for a deletion under way of an interface with that name; says whether there was one. */
  async waitFor(place: Place, name: string): Promise<boolean> {
    const key = placeKey(place.id);
    for (const { ends, gone } of this.#doomed) {
      if (!ends.some((end) => end.name === name && placeKey(end.place.id) === key)) continue;
      await gone.catch(() => undefined);
      return true;
    }
    return false;
  }

  async #run(): Promise<void> {
    for (let batch = this.#next(); batch.length > 0; batch = this.#next()) {
      for (const { doomed } of batch) doomed.busy = true;
      try {
        await this.#reap(batch);
      } catch (reason) {
        this.#log.warn({ err: reason, links: batch.length }, 'deleting links failed');
        for (const { doomed } of batch) {
          if (++doomed.tries >= mostTries) this.#settle(doomed, reason);
        }
      }
      for (const { doomed } of batch) doomed.busy = false;
    }
    this.#lanes--;
  }

  /** The fullest namespace's. */
  #next(): { doomed: Doomed; end: DoomedEnd }[] {
    const byPlace = new Map<string, { doomed: Doomed; end: DoomedEnd }[]>();
    let most: { doomed: Doomed; end: DoomedEnd }[] = [];
    for (const doomed of this.#doomed) {
      if (doomed.busy) continue;
      for (const end of doomed.ends) {
        const key = placeKey(end.place.id);
        const list = byPlace.get(key) ?? [];
        byPlace.set(key, list);
        list.push({ doomed, end });
        if (list.length > most.length) most = list;
      }
      if (doomed.ends.length === 0) this.#settle(doomed);
    }
    return most.slice(0, atOnce);
  }

  async #reap(batch: readonly { doomed: Doomed; end: DoomedEnd }[]): Promise<void> {
    const [first] = batch;
    if (first === undefined) return;
    const indexes = await this.#delete(
      first.end.place,
      batch.map(({ end }) => end),
    );
    batch.forEach(({ doomed, end }, at) => {
      if (indexes[at] !== undefined) this.#settle(doomed);
      // Perhaps somebody renamed this end: the other one is looked for as well.
      else doomed.ends = doomed.ends.filter((other) => other !== end);
      if (doomed.ends.length === 0) this.#settle(doomed);
    });
  }

  /** The index of each that was there and is gone now. */
  async #delete(place: Place, ends: readonly DoomedEnd[]): Promise<(number | undefined)[]> {
    try {
      using netns = await openPlace(place);
      const links = await findNamed(
        netns,
        ends.map(({ name }) => name),
      );
      const ours = links.map((link, at) =>
        link?.alias === ends[at]?.alias ? link?.index : undefined,
      );
      await apply(netns, deletion(ours.filter((index) => index !== undefined)));
      return ours;
    } catch (reason) {
      // A namespace that has died has taken its links along.
      if (reason instanceof WireError && reason.code === status.NOT_FOUND) {
        return ends.map(() => undefined);
      }
      throw reason;
    }
  }

  #settle(doomed: Doomed, reason?: unknown): void {
    this.#doomed.delete(doomed);
    if (reason === undefined) doomed.resolve();
    else doomed.reject(reason);
  }
}

function deletion(indexes: readonly number[]): readonly Operation[] {
  const [only] = indexes;
  if (indexes.length <= 1) return only === undefined ? [] : [{ op: 'delete-link', index: only }];
  const mark = indexes.map((index) => ({ op: 'set-link', index, change: { group } }) as const);
  return [...mark, { op: 'delete-group', group }];
}

function deferred(): Pick<Doomed, 'resolve' | 'reject'> & { promise: Promise<void> } {
  let settle: Pick<Doomed, 'resolve' | 'reject'> | undefined;
  const promise = new Promise<void>((resolve, reject) => (settle = { resolve, reject }));
  if (settle === undefined) throw new TypeError('unreachable');
  return { promise, ...settle };
}
