// SPDX-License-Identifier: Apache-2.0
/** Who watches a store: found by the name watched, each with the changes it has not read yet. */
import { abortReason } from '../../api/chain/clock.js';
import type { Found } from '../../api/registry/registry.js';

interface Watcher<T> {
  readonly query: T;
  /** By name, in the order of the first unread change. */
  readonly unread: Map<string, Found<T>>;
  wake: () => void;
}

/** All watchers of one store. */
export class Watchers<T extends { readonly name: string }> {
  readonly #matches: (query: T, entry: T) => boolean;
  /** Under `''` are those that watch no name in particular. */
  readonly #byName = new Map<string, Set<Watcher<T>>>();

  constructor(matches: (query: T, entry: T) => boolean) {
    this.#matches = matches;
  }

  /** Tell an entry's change from `before` to `after`; undefined is "not there". */
  changed(before: T | undefined, after: T | undefined): void {
    const name = (after ?? before)?.name ?? '';
    for (const key of [name, '']) {
      for (const watcher of this.#byName.get(key) ?? []) {
        const now = after !== undefined && this.#matches(watcher.query, after);
        if (now) note(watcher, { entry: after, deleted: false });
        else if (before !== undefined && this.#matches(watcher.query, before)) {
          note(watcher, { entry: before, deleted: true });
        }
      }
    }
  }

  /** What matches now, then each change, until the signal; throws its reason then. */
  async *watch(query: T, present: readonly T[], signal: AbortSignal): AsyncGenerator<Found<T>> {
    const unread = new Map<string, Found<T>>();
    const watcher: Watcher<T> = { query, unread, wake: () => undefined };
    for (const entry of present) unread.set(entry.name, { entry, deleted: false });
    const onAbort = (): void => {
      watcher.wake();
    };
    this.#add(watcher);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      while (!signal.aborted) {
        const [first] = unread;
        if (first === undefined) {
          await new Promise<void>((resolve) => {
            watcher.wake = resolve;
          });
          continue;
        }
        const [name, found] = first;
        unread.delete(name);
        yield found;
      }
      throw abortReason(signal);
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#remove(watcher);
    }
  }

  #add(watcher: Watcher<T>): void {
    const { name } = watcher.query;
    const same = this.#byName.get(name) ?? new Set();
    this.#byName.set(name, same.add(watcher));
  }

  #remove(watcher: Watcher<T>): void {
    const { name } = watcher.query;
    const same = this.#byName.get(name);
    same?.delete(watcher);
    if (same?.size === 0) this.#byName.delete(name);
  }
}

function note<T extends { readonly name: string }>(watcher: Watcher<T>, found: Found<T>): void {
  watcher.unread.set(found.entry.name, found);
  watcher.wake();
}
