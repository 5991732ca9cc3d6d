// SPDX-License-Identifier: Apache-2.0
/**
 * The store: entries by name, found by name or by service, and watched.
 *
 * When: last in both registries' stacks; it stores what the others made of an entry.
 * Where: nothing stands after it.
 * Leaves: nothing; after a restart, registrants come again by themselves.
 *
 * A watcher that reads slowly gets the latest state of each entry, not each
 * change: what waits for it is bounded by the number of entries.
 */
import { status } from '@grpc/grpc-js';
import { WireError } from '../../api/errors/wire-error.js';
import type { NetworkService, NetworkServiceEndpoint } from '../../api/gen/registry.js';
import { matchesEndpoint, matchesService } from '../../api/registry/match.js';
import type { Found, Registry } from '../../api/registry/registry.js';
import { Watchers } from './watchers.js';

/** What the store must know of a kind of entry. */
export interface Kind<T> {
  /** For error messages: `endpoint`. */
  readonly noun: string;
  readonly matches: (query: T, entry: T) => boolean;
  /** Names of services it can be found by besides its own name. */
  readonly keys: (entry: T) => readonly string[];
}

/** Services. */
export const serviceKind: Kind<NetworkService> = {
  noun: 'network service',
  matches: matchesService,
  keys: () => [],
};
/** Endpoints, by the services they serve. */
export const endpointKind: Kind<NetworkServiceEndpoint> = {
  noun: 'endpoint',
  matches: matchesEndpoint,
  keys: (endpoint) => endpoint.networkServiceNames,
};

/** Far more than a machine's endpoints; a bound for a registrant gone wild. */
const mostEntries = 65_536;

/** A registry in memory that also can be asked directly. */
export interface Memory<T> extends Registry<T> {
  /** The entry as it is now. */
  get(name: string): T | undefined;
  /** Whether an entry can be found by that key. */
  has(key: string): boolean;
  readonly size: number;
}

/** An empty store. */
export function memory<T extends { readonly name: string }>(kind: Kind<T>): Memory<T> {
  const entries = new Map<string, T>();
  const byKey = new Map<string, Set<string>>();
  const watchers = new Watchers<T>(kind.matches);

  function put(entry: T): void {
    remove(entry.name);
    entries.set(entry.name, entry);
    for (const key of kind.keys(entry)) {
      const names = byKey.get(key) ?? new Set();
      byKey.set(key, names.add(entry.name));
    }
  }

  function remove(name: string): T | undefined {
    const before = entries.get(name);
    if (before === undefined) return undefined;
    entries.delete(name);
    for (const key of kind.keys(before)) {
      const names = byKey.get(key);
      names?.delete(name);
      if (names?.size === 0) byKey.delete(key);
    }
    return before;
  }

  /** As few entries as an index can lead to, the query not yet applied. */
  function* near(query: T): Iterable<T> {
    const [key] = kind.keys(query);
    const names = query.name !== '' ? [query.name] : key === undefined ? undefined : byKey.get(key);
    if (names === undefined) {
      if (key === undefined) yield* entries.values();
      return;
    }
    for (const name of names) {
      const entry = entries.get(name);
      if (entry !== undefined) yield entry;
    }
  }

  return {
    get: (name) => entries.get(name),
    has: (key) => byKey.has(key),
    get size() {
      return entries.size;
    },

    register(_call, entry) {
      const before = entries.get(entry.name);
      if (before === undefined && entries.size >= mostEntries) {
        const text = `the registry holds ${String(mostEntries)} ${kind.noun}s, and takes no more`;
        return Promise.reject(new WireError(status.RESOURCE_EXHAUSTED, text));
      }
      put(entry);
      watchers.changed(before, entry);
      return Promise.resolve(entry);
    },

    unregister(_call, entry) {
      const before = remove(entry.name);
      if (before !== undefined) watchers.changed(before, undefined);
      return Promise.resolve();
    },

    async *find(call, query, watch): AsyncGenerator<Found<T>> {
      const matching: T[] = [];
      for (const entry of near(query)) if (kind.matches(query, entry)) matching.push(entry);
      if (watch) {
        yield* watchers.watch(query, matching, call.signal);
        return;
      }
      for (const entry of matching) yield { entry, deleted: false };
    },
  };
}
