// SPDX-License-Identifier: Apache-2.0
/**
 * The store in the Kubernetes API: one for the managers of all nodes, and what `kubectl get nses` shows.
 *
 * When: last in both registries' stacks, in place of `memory`, whose rules of finding and watching it has.
 * Where: nothing stands after it.
 * Leaves: objects, which a restart of the manager finds again.
 *
 * Finds are answered from an informer's knowledge, also while the API server is away; what registers then
 * is known here at once and written when that is back.
 */
import { isDeepStrictEqual } from 'node:util';
import { status } from '@grpc/grpc-js';
import { WireError } from '../../api/errors/wire-error.js';
import { informer, type Informer } from '../../api/k8s/informer.js';
import type { Cluster, Resource } from '../../api/k8s/types.js';
import type { Clock } from '../../api/chain/clock.js';
import type { Logger } from '../../api/log/log.js';
import type { RegistryCall } from '../../api/registry/registry.js';
import { memory, type Kind, type Memory } from '../registry/memory.js';
import { managerKey, ownerOf, type Codec, type Stored } from './entries.js';
import { Writer } from './writer.js';

/** What a store in the API depends on. */
export interface StoreOptions<T> {
  readonly cluster: Cluster;
  readonly resource: Resource;
  /** Where objects are made; those of other namespaces are read too. */
  readonly namespace: string;
  /** Who we are in annotations. */
  readonly manager: string;
  readonly kind: Kind<T>;
  readonly codec: Codec<T>;
  /** Whether an owner of what has registered here is gone. */
  readonly isOwnerGone?: ((id: string) => boolean) | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A store that others write as well. */
export interface KubeStore<T> extends Memory<T>, Disposable {
  /** See `Informer.synced`. */
  readonly synced: Promise<void>;
  /** What we have of an entry in the API; nothing while it is only owed. */
  stored(name: string): Stored | undefined;
  /** Whether this manager registered it, or will have once it is written. */
  isOurs(name: string): boolean;
  /** Delete an object that has expired, if it is still that very one. */
  sweep(object: Stored): Promise<void>;
  readonly objects: readonly Stored[];
}

interface Entry {
  readonly name: string;
  readonly pathIds: string[];
}

/** Open it; it fills once the API server answers. */
export function kubeStore<T extends Entry>(options: StoreOptions<T>): KubeStore<T> {
  const { cluster, resource, namespace, manager, kind, codec, clock, log } = options;
  const { isOwnerGone = () => false } = options;
  const inner = memory<T>(kind);
  /** All objects that are an entry of that name. */
  const byName = new Map<string, Map<string, Stored>>();
  const nameOf = new Map<string, string>();
  /** Registered here and not yet seen in the API. */
  const local = new Set<string>();
  const known: Informer<Stored> = informer<Stored>(cluster, resource, { clock, log });
  const own: RegistryCall = { signal: new AbortController().signal, clock, log };

  /** Of several in different namespaces ours counts, else the oldest. */
  function best(name: string): Stored | undefined {
    const rank = ({ metadata }: Stored): string =>
      `${metadata.namespace === namespace ? '0' : '1'} ${metadata.creationTimestamp ?? ''} ${metadata.namespace ?? ''}`;
    const all = [...(byName.get(name)?.values() ?? [])];
    return all.sort((a, b) => rank(a).localeCompare(rank(b)))[0];
  }

  const writer = new Writer({
    ...{ cluster, resource, namespace, clock, log },
    known: best,
    isThere: () => known.isCurrent || known.trouble === undefined,
  });

  /** Bring what is answered to what the API has. */
  function adopt(name: string): void {
    // Our own wish is newer.
    if (writer.isBusy(name)) return;
    const object = best(name);
    const entry = object && codec.decode(object);
    const before = inner.get(name);
    local.delete(name);
    if (entry === undefined) {
      if (before !== undefined) void inner.unregister(own, before);
    } else if (!isDeepStrictEqual(before, entry)) {
      void inner.register(own, entry).catch((reason: unknown) => {
        log.error({ err: reason, name }, 'an entry of the API is not taken');
      });
    }
  }

  const offChange = known.onChange(({ type, object }) => {
    const key = `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
    const name = type === 'deleted' ? nameOf.get(key) : nameIn(object);
    if (name === undefined) return;
    const before = nameOf.get(key);
    if (before !== undefined && before !== name) {
      byName.get(before)?.delete(key);
      adopt(before);
    }
    const same = byName.get(name) ?? new Map<string, Stored>();
    byName.set(name, same);
    if (type === 'deleted') {
      same.delete(key);
      nameOf.delete(key);
      if (same.size === 0) byName.delete(name);
      log.debug({ resource: resource.plural, name }, 'object deleted');
    } else {
      same.set(key, object);
      nameOf.set(key, name);
    }
    adopt(name);
  });
  const offCurrent = known.onCurrent((isCurrent) => {
    if (isCurrent) writer.now();
  });

  /** Another's entry is not overwritten, nor deleted: it may have registered while we did not look. */
  const check = (entry: T) => (there: Stored) => {
    const owner = ownerOf(there);
    if (owner === undefined || entry.pathIds[0] === undefined || owner === entry.pathIds[0]) return;
    const isWrittenHere = there.metadata.annotations?.[managerKey] === manager;
    if (isWrittenHere && isOwnerGone(owner)) return;
    const text = `${kind.noun} ${entry.name} is registered by ${owner}, not by ${entry.pathIds[0]}`;
    throw new WireError(status.PERMISSION_DENIED, text);
  };
  const isOurs = (name: string): boolean =>
    local.has(name) || best(name)?.metadata.annotations?.[managerKey] === manager;

  return {
    ...inner,
    get size() {
      return inner.size;
    },
    get objects() {
      return known.items;
    },
    synced: known.synced,
    stored: best,
    isOurs,

    async register(call, entry) {
      const before = inner.get(entry.name);
      const stored = await inner.register(call, entry);
      local.add(entry.name);
      try {
        await writer.write(entry.name, { part: codec.encode(entry), check: check(entry) });
      } catch (reason) {
        local.delete(entry.name);
        await (before === undefined ? inner.unregister(call, entry) : inner.register(call, before));
        throw reason;
      }
      return stored;
    },

    async unregister(call, entry) {
      // An end of time that another manager has put off since is not ours to carry out.
      if (call.arrivedOn === undefined && !isOurs(entry.name)) return;
      const isThere = local.has(entry.name) || best(entry.name) !== undefined;
      local.delete(entry.name);
      await inner.unregister(call, entry);
      if (isThere) await writer.write(entry.name, { part: undefined, check: () => undefined });
    },

    async sweep(object) {
      const now = await cluster.get<Stored>(resource, object.metadata);
      if (now?.metadata.resourceVersion !== object.metadata.resourceVersion) return;
      await cluster.remove(resource, { ...object.metadata, uid: object.metadata.uid ?? '' });
    },

    [Symbol.dispose]() {
      offChange();
      offCurrent();
      known[Symbol.dispose]();
      writer[Symbol.dispose]();
    },
  };
}

function nameIn({ metadata, spec }: Stored): string {
  const named = typeof spec === 'object' && spec !== null && 'name' in spec ? spec.name : undefined;
  return typeof named === 'string' && named !== '' ? named : metadata.name;
}
