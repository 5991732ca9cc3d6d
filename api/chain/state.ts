// SPDX-License-Identifier: Apache-2.0
/** What elements remember of one connection between its Requests, under typed keys. */

/** A key into a {@link State}; made once per element at module level by {@link stateKey}. */
export interface StateKey<T> {
  readonly name: string;
  /** Only for the type checker. */
  readonly type?: T;
}

/** A new key; two keys of one name are still two keys. */
export function stateKey<T>(name: string): StateKey<T> {
  return { name };
}

/**
 * The state of one connection. `begin` makes it with the first Request and
 * disposes it when the connection ends; whatever in it is `Disposable` is
 * disposed then, newest first, so no element has to remember to.
 */
export class State implements Disposable {
  readonly #values = new Map<StateKey<unknown>, unknown>();
  #disposed = false;

  /** What is kept under `key`. */
  get<T>(key: StateKey<T>): T | undefined {
    return this.#values.get(key) as T | undefined;
  }

  /**
   * Keep `value`; a disposable one that it replaces is disposed. After the
   * connection has ended nothing is kept: a disposable value is disposed at once.
   */
  set<T>(key: StateKey<T>, value: T): T {
    if (this.#disposed) {
      dispose(value);
      return value;
    }
    const before = this.#values.get(key);
    if (before !== value) dispose(before);
    this.#values.delete(key);
    this.#values.set(key, value);
    return value;
  }

  /** Keep what `make` makes unless there is something already. */
  getOr<T>(key: StateKey<T>, make: () => T): T {
    return this.get(key) ?? this.set(key, make());
  }

  /** Forget `key` and hand its value over, undisposed. */
  take<T>(key: StateKey<T>): T | undefined {
    const value = this.get(key);
    this.#values.delete(key);
    return value;
  }

  /** Forget `key`; a disposable value is disposed. */
  delete(key: StateKey<unknown>): void {
    dispose(this.#values.get(key));
    this.#values.delete(key);
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    const values = [...this.#values.values()].reverse();
    this.#values.clear();
    for (const value of values) dispose(value);
  }
}

function dispose(value: unknown): void {
  if (typeof value === 'object' && value !== null && Symbol.dispose in value) {
    (value as Disposable)[Symbol.dispose]();
  }
}
