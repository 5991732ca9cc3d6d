// SPDX-License-Identifier: Apache-2.0
/**
 * What a cluster has of a kind, kept up to date: a list, then a watch from its version on, and
 * again after whatever ends that. Nothing is lost: what changed while nobody watched is told by
 * the difference of two lists, deletions too.
 *
 * While the API server is away, what is known stays; `isCurrent` says that it may be old.
 */
import type { Clock } from '../chain/clock.js';
import { isAbort } from '../errors/to-status.js';
import type { Logger } from '../log/log.js';
import { Wake } from '../registry/backoff.js';
import type { Cluster, KubeObject, ListOptions, Metadata, Place, Resource } from './types.js';
import { GoneError } from './errors.js';
import { Items, type Change } from './items.js';

export type { Change } from './items.js';

/** The objects of a kind as they are now. */
export interface Informer<T extends KubeObject> extends Disposable {
  /** Settles when the first list is here; never where the API server never answers. Rejects when disposed before. */
  readonly synced: Promise<void>;
  /** Whether what is known is what there is: false before the first list and while the API server is away. */
  readonly isCurrent: boolean;
  /** Why it is not current. */
  readonly trouble: Error | undefined;
  /** Without a namespace: ours, for kinds that have namespaces. */
  get(place: Place): T | undefined;
  readonly items: readonly T[];
  /** Told of each change after it is in `items`; returns how to stop. */
  onChange(listener: (change: Change<T>) => void): () => void;
  /** Told when `isCurrent` changes. */
  onCurrent(listener: (isCurrent: boolean) => void): () => void;
}

/** What an informer depends on; times in milliseconds. */
export interface InformerOptions extends ListOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** The first pause after a failure (500); doubled up to `longestPauseMs`, each with up to half of it by chance. */
  readonly firstPauseMs?: number;
  /** 8,000. */
  readonly longestPauseMs?: number;
  /** How long a watch may be silent (100,000: an API server sends a bookmark each minute). */
  readonly silenceMs?: number;
  /** How long a watch lasts at most before it is begun anew (300; up to double by chance), in seconds. */
  readonly watchSeconds?: number;
}

/** Begin to list and watch. */
export function informer<T extends KubeObject>(
  cluster: Cluster,
  resource: Resource,
  options: InformerOptions,
): Informer<T> {
  return new Following<T>(cluster, resource, options);
}

class Following<T extends KubeObject> implements Informer<T> {
  readonly synced: Promise<void>;
  readonly #cluster: Cluster;
  readonly #resource: Resource;
  readonly #options: InformerOptions;
  readonly #items: Items<T>;
  readonly #stop = new AbortController();
  readonly #wake = new Wake();
  readonly #currentListeners = new Set<(isCurrent: boolean) => void>();
  #isCurrent = false;
  #trouble: Error | undefined;
  #failures = 0;
  /** Where the watch goes on; a list is needed where there is none. */
  #version: string | undefined;
  #onSynced: () => void = () => undefined;
  #onNever: (reason: Error) => void = () => undefined;

  constructor(cluster: Cluster, resource: Resource, options: InformerOptions) {
    this.#cluster = cluster;
    this.#resource = resource;
    this.#options = options;
    this.#items = new Items<T>(options.log);
    this.synced = new Promise((resolve, reject) => {
      this.#onSynced = resolve;
      this.#onNever = reject;
    });
    // Nobody has to wait for it.
    this.synced.catch(() => undefined);
    void this.#run();
  }

  get isCurrent(): boolean {
    return this.#isCurrent;
  }

  get trouble(): Error | undefined {
    return this.#trouble;
  }

  get items(): readonly T[] {
    return this.#items.all;
  }

  get({ name, namespace }: Place): T | undefined {
    const own = this.#resource.namespaced ? this.#cluster.namespace : undefined;
    return this.#items.get(name, namespace ?? own);
  }

  onChange(listener: (change: Change<T>) => void): () => void {
    return this.#items.onChange(listener);
  }

  onCurrent(listener: (isCurrent: boolean) => void): () => void {
    this.#currentListeners.add(listener);
    return () => this.#currentListeners.delete(listener);
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
    this.#wake.now();
    this.#currentListeners.clear();
    this.#items.forget();
    this.#onNever(new DOMException('the informer has ended', 'AbortError'));
  }

  async #run(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await this.#list(signal);
        await this.#watch(signal);
      } catch (reason) {
        if (this.#isOver()) return;
        await this.#wake.after(clock, this.#failed(reason));
      }
    }
  }

  async #list(signal: AbortSignal): Promise<void> {
    if (this.#version !== undefined) return;
    const { namespace, labelSelector, fieldSelector } = this.#options;
    const which = { namespace, labelSelector, fieldSelector };
    const page = await this.#cluster.listAt<T>(this.#resource, which, signal);
    if (signal.aborted) return;
    this.#version = page.resourceVersion;
    this.#items.replace(page.items.map(lean));
    this.#current();
    this.#onSynced();
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { namespace, labelSelector, fieldSelector } = this.#options;
    const { watchSeconds = 300, silenceMs = 100_000, clock } = this.#options;
    const startedMs = clock.now();
    let count = 0;
    const watching = this.#cluster.watch<T>(
      this.#resource,
      {
        ...{ namespace, labelSelector, fieldSelector, silenceMs },
        resourceVersion: this.#version ?? '',
        timeoutSeconds: Math.ceil(watchSeconds * (1 + Math.random())),
        onOpen: () => {
          this.#current();
        },
      },
      signal,
    );
    for await (const { type, object } of watching) {
      if (signal.aborted) return;
      count++;
      this.#version = object.metadata.resourceVersion ?? this.#version;
      if (type === 'DELETED') this.#items.remove(object);
      else if (type !== 'BOOKMARK') this.#items.put(lean(object));
    }
    // A server that ends each watch at once is not asked in a tight loop.
    if (count === 0 && clock.now() - startedMs < 1_000) {
      await this.#wake.after(clock, this.#pause());
    }
  }

  #isOver(): boolean {
    return this.#stop.signal.aborted;
  }

  #current(): void {
    this.#failures = 0;
    if (this.#isCurrent) return;
    const hadTrouble = this.#trouble !== undefined;
    this.#isCurrent = true;
    this.#trouble = undefined;
    if (hadTrouble) this.#options.log.info({ resource: this.#resource.plural }, 'watched again');
    this.#tell();
  }

  /** How long to wait now, in milliseconds. */
  #failed(reason: unknown): number {
    this.#failures++;
    if (reason instanceof GoneError) {
      // What is known is still what there was: only a list tells what it is now.
      this.#version = undefined;
      this.#options.log.debug({ resource: this.#resource.plural }, 'listed again');
      return this.#failures === 1 ? 0 : this.#pause();
    }
    const error = reason instanceof Error ? reason : new Error(String(reason));
    if (isAbort(error) && this.#isOver()) return 0;
    // Once a watch has broken it is tried anew at once: only where that fails somebody is away.
    if (this.#isCurrent && this.#failures === 1) return 0;
    const isNew =
      this.#trouble?.message !== error.message && (this.#isCurrent || this.#trouble === undefined);
    this.#trouble = error;
    if (isNew) {
      this.#options.log.error(
        { err: error, resource: this.#resource.plural },
        'not watched: what is known may be old, trying again',
      );
    }
    if (this.#isCurrent) {
      this.#isCurrent = false;
      this.#tell();
    }
    return this.#pause();
  }

  #pause(): number {
    const { firstPauseMs = 500, longestPauseMs = 8_000 } = this.#options;
    const pauseMs = Math.min(firstPauseMs * 2 ** Math.min(this.#failures, 16), longestPauseMs);
    return pauseMs * (0.5 + Math.random() / 2);
  }

  #tell(): void {
    for (const listener of [...this.#currentListeners]) listener(this.#isCurrent);
  }
}

/** Without who wrote which field, which nobody here reads and is often half of an object. */
function lean<T extends KubeObject>(object: T): T {
  const { managedFields: _, ...metadata }: Metadata & { readonly managedFields?: unknown } =
    object.metadata;
  return { ...object, metadata };
}
