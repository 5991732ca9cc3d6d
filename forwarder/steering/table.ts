// SPDX-License-Identifier: Apache-2.0
/** A pinned map with the layouts of its key and value. */
import type { BpfMap } from '../../bpf/loader/map.js';
import type { Field, Struct } from '../../bpf/loader/struct.js';

type Fields = Readonly<Record<string, Field>>;
type In<F extends Fields> = Parameters<Struct<F>['encode']>[0];
type Out<F extends Fields> = ReturnType<Struct<F>['decode']>;

/** See the head of this file. It does not own the map. */
export class Table<K extends Fields, V extends Fields> {
  readonly map: BpfMap;
  readonly #key: Struct<K>;
  readonly #value: Struct<V>;

  constructor(map: BpfMap, key: Struct<K>, value: Struct<V>) {
    this.map = map;
    this.#key = key;
    this.#value = value;
    if (map.keySize !== key.size || map.valueSize !== value.size) {
      const want = `${String(key.size)} and ${String(value.size)}`;
      throw new TypeError(
        `${key.name} to ${value.name}: the map has ${String(map.keySize)} and ${String(map.valueSize)} bytes, want ${want}`,
      );
    }
  }

  get(key: In<K>): Out<V> | undefined {
    const found = this.map.lookup(this.#key.encode(key));
    return found === undefined ? undefined : this.#value.decode(found);
  }

  set(key: In<K>, value: In<V>): void {
    this.map.update(this.#key.encode(key), this.#value.encode(value));
  }

  /** Missing ones are no error. */
  delete(...keys: readonly In<K>[]): void {
    for (const key of keys) this.map.delete(this.#key.encode(key));
  }

  setMany(entries: readonly (readonly [In<K>, In<V>])[]): void {
    if (entries.length === 0) return;
    this.map.updateBatch(
      entries.map(([key]) => this.#key.encode(key)),
      entries.map(([, value]) => this.#value.encode(value)),
    );
  }

  /** Delete every entry whose key is so; how many there were. */
  deleteWhere(fits: (key: Out<K>) => boolean): number {
    const going = this.map.keys().filter((key) => fits(this.#key.decode(key)));
    if (going.length > 0) this.map.deleteBatch(going);
    return going.length;
  }

  entries(): (readonly [Out<K>, Out<V>])[] {
    return this.map
      .entries()
      .map(([key, value]) => [this.#key.decode(key), this.#value.decode(value)]);
  }
}
