// SPDX-License-Identifier: Apache-2.0
/**
 * Answers repeated Finds from memory: for a process that looks up the same few
 * services for every Request, such as a forwarder.
 *
 * Stands between `discover` and a remote registry. A Find for one name, or for
 * the endpoints of one service, goes to the registry and starts a watch for the
 * same; once the watch has told everything that a later Find found, it is
 * complete and answers instead. That there is nothing is never answered from
 * memory, so what was just registered is found. What was just deleted may still
 * be told for as long as a message takes; who tries it sees that nobody answers.
 */
import type { Clock } from '../chain/clock.js';
import type { NetworkService, NetworkServiceEndpoint } from '../gen/registry.js';
import type { Logger } from '../log/log.js';
import type { Found, Registries, Registry, RegistryCall } from './registry.js';

/** What the watches are run with. */
export interface CachedOptions {
  readonly clock: Clock;
  readonly log: Logger;
}

/** The same registries, remembering; disposing ends the watches. */
export function cachedRegistries(
  registries: Registries,
  options: CachedOptions,
): Registries & Disposable {
  const services = new Cached(registries.services, options, serviceKey);
  const endpoints = new Cached(registries.endpoints, options, endpointKey);
  return {
    services,
    endpoints,
    [Symbol.dispose]() {
      services[Symbol.dispose]();
      endpoints[Symbol.dispose]();
    },
  };
}

/** What is worth a watch; undefined for the rare other questions. */
function serviceKey({ name, payload, matches }: NetworkService): string | undefined {
  return name !== '' && payload === '' && matches.length === 0 ? name : undefined;
}

function endpointKey(query: NetworkServiceEndpoint): string | undefined {
  const { name, url, networkServiceNames, networkServiceLabels, expirationTime } = query;
  if (url !== '' || expirationTime !== undefined) return undefined;
  if (Object.keys(networkServiceLabels).length > 0) return undefined;
  const [service, ...others] = networkServiceNames;
  if (service === undefined) return name === '' ? undefined : `name ${name}`;
  return name === '' && others.length === 0 ? `service ${service}` : undefined;
}

/** The most things watched at a time; the one unused for longest goes. */
const mostWatches = 128;

interface Watch<T> {
  readonly entries: Map<string, T>;
  readonly stop: AbortController;
  /** Everything there is has been told. */
  complete: boolean;
}

class Cached<T extends { readonly name: string }> implements Registry<T>, Disposable {
  readonly #registry: Registry<T>;
  readonly #options: CachedOptions;
  readonly #keyOf: (query: T) => string | undefined;
  /** The one used last stands last. */
  readonly #watches = new Map<string, Watch<T>>();

  constructor(
    registry: Registry<T>,
    options: CachedOptions,
    keyOf: (query: T) => string | undefined,
  ) {
    this.#registry = registry;
    this.#options = options;
    this.#keyOf = keyOf;
  }

  register(call: RegistryCall, entry: T): Promise<T> {
    return this.#registry.register(call, entry);
  }

  unregister(call: RegistryCall, entry: T): Promise<void> {
    return this.#registry.unregister(call, entry);
  }

  async *find(call: RegistryCall, query: T, watch: boolean): AsyncGenerator<Found<T>> {
    const key = watch ? undefined : this.#keyOf(query);
    if (key === undefined) {
      yield* this.#registry.find(call, query, watch);
      return;
    }
    const known = this.#use(key, query);
    if (known.complete && known.entries.size > 0) {
      for (const entry of [...known.entries.values()]) yield { entry, deleted: false };
      return;
    }
    const names: string[] = [];
    for await (const found of this.#registry.find(call, query, false)) {
      names.push(found.entry.name);
      yield found;
    }
    known.complete ||= names.length > 0 && names.every((name) => known.entries.has(name));
  }

  [Symbol.dispose](): void {
    for (const [key, { stop }] of [...this.#watches]) {
      this.#watches.delete(key);
      stop.abort();
    }
  }

  #use(key: string, query: T): Watch<T> {
    let watch = this.#watches.get(key);
    if (watch === undefined) {
      watch = { entries: new Map(), stop: new AbortController(), complete: false };
      void this.#follow(key, query, watch);
    }
    this.#watches.delete(key);
    this.#watches.set(key, watch);
    const [oldest] = this.#watches;
    if (this.#watches.size > mostWatches && oldest !== undefined) {
      this.#watches.delete(oldest[0]);
      oldest[1].stop.abort();
    }
    return watch;
  }

  /** Until it breaks; the next Find starts another. */
  async #follow(key: string, query: T, { entries, stop }: Watch<T>): Promise<void> {
    const call: RegistryCall = { ...this.#options, signal: stop.signal };
    try {
      for await (const { entry, deleted } of this.#registry.find(call, query, true)) {
        if (deleted) entries.delete(entry.name);
        else entries.set(entry.name, entry);
      }
    } catch (reason) {
      this.#options.log.debug({ key, err: reason }, 'registry watch ended');
    }
    if (this.#watches.get(key)?.stop === stop) this.#watches.delete(key);
  }
}
