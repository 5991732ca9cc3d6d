// SPDX-License-Identifier: Apache-2.0
/** The objects an informer knows, and who is told what changes. */
import type { Logger } from '../log/log.js';
import type { KubeObject } from './types.js';

/** One object is new, other or gone; a deleted one as it was last. */
export interface Change<T> {
  readonly type: 'added' | 'modified' | 'deleted';
  readonly object: T;
}

/** Objects by namespace and name. */
export class Items<T extends KubeObject> {
  readonly #byKey = new Map<string, T>();
  readonly #listeners = new Set<(change: Change<T>) => void>();
  readonly #log: Logger;
  #all: readonly T[] | undefined;

  constructor(log: Logger) {
    this.#log = log;
  }

  get all(): readonly T[] {
    return (this.#all ??= [...this.#byKey.values()]);
  }

  get(name: string, namespace: string | undefined): T | undefined {
    return this.#byKey.get(keyOf(name, namespace));
  }

  /** It is so now. */
  put(object: T): void {
    const { name, namespace, uid, resourceVersion } = object.metadata;
    const key = keyOf(name, namespace);
    const before = this.#byKey.get(key);
    if (before !== undefined && before.metadata.uid !== uid) this.remove(before);
    else if (before !== undefined && before.metadata.resourceVersion === resourceVersion) return;
    const isNew = !this.#byKey.has(key);
    this.#byKey.set(key, object);
    this.#tell({ type: isNew ? 'added' : 'modified', object });
  }

  /** It is gone. */
  remove(object: T): void {
    const key = keyOf(object.metadata.name, object.metadata.namespace);
    if (this.#byKey.delete(key)) this.#tell({ type: 'deleted', object });
  }

  /** These are all. */
  replace(objects: readonly T[]): void {
    const keys = new Set(objects.map(({ metadata }) => keyOf(metadata.name, metadata.namespace)));
    for (const [key, object] of [...this.#byKey]) if (!keys.has(key)) this.remove(object);
    for (const object of objects) this.put(object);
  }

  onChange(listener: (change: Change<T>) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Nobody is told any more. */
  forget(): void {
    this.#listeners.clear();
  }

  #tell(change: Change<T>): void {
    this.#all = undefined;
    for (const listener of [...this.#listeners]) {
      try {
        listener(change);
      } catch (reason) {
        // One who fails must not keep the others from hearing, nor end the watch.
        this.#log.error({ err: reason, unexpected: true }, 'a change was not taken');
      }
    }
  }
}

function keyOf(name: string, namespace: string | undefined): string {
  return `${namespace ?? ''}/${name}`;
}
