// SPDX-License-Identifier: Apache-2.0
/**
 * A BPF map: keys and values as raw bytes. Per-CPU values come as one Buffer of
 * `possibleCpus` values, each rounded up to 8 bytes.
 */
import { invalid } from '../../api/errors/wire-error.js';
import { addon, type MapHandle, type MapInfo } from './addon.js';
import { refused, trying } from './refused.js';

/** When {@link BpfMap.update} writes: always, or only a key that is new, or one that is there. */
export type UpdateMode = 'any' | 'create' | 'exist';
const modes: Readonly<Record<UpdateMode, number>> = { any: 0, create: 1, exist: 2 };

/** See the head of this file. */
export class BpfMap implements Disposable {
  readonly #handle: MapHandle;
  readonly #info: MapInfo;

  /** Takes the handle over; for this folder only. */
  constructor(handle: MapHandle) {
    this.#handle = handle;
    this.#info = trying('ask for a map', () => addon.mapInfo(handle));
  }

  /** Open a pinned map. */
  static open(pin: string): BpfMap {
    return new BpfMap(trying(`open map ${pin}`, () => addon.openMap(pin)));
  }

  get id(): number {
    return this.#info.id;
  }
  /** At most 15 characters of it: the kernel keeps no more. */
  get name(): string {
    return this.#info.name;
  }
  /** A number of `enum bpf_map_type`. */
  get type(): number {
    return this.#info.type;
  }
  get keySize(): number {
    return this.#info.keySize;
  }
  /** Of one value; per-CPU maps have one for each CPU. */
  get valueSize(): number {
    return this.#info.valueSize;
  }
  get maxEntries(): number {
    return this.#info.maxEntries;
  }
  /** How many values of a per-CPU map stand side by side; 1 for others. */
  get possibleCpus(): number {
    const { valueBytes, valueSize } = this.#info;
    return valueBytes === valueSize ? 1 : valueBytes / round8(valueSize);
  }

  /** The value of a key, if it is there. */
  lookup(key: Uint8Array): Buffer | undefined {
    this.#checkKey(key);
    return this.#try('look up', () => addon.lookup(this.#handle, key));
  }

  /** Write one entry. */
  update(key: Uint8Array, value: Uint8Array, mode: UpdateMode = 'any'): void {
    this.#checkKey(key);
    this.#checkValue(value);
    this.#try('update', () => {
      addon.update(this.#handle, key, value, modes[mode]);
    });
  }

  /** Remove an entry; whether it was there. */
  delete(key: Uint8Array): boolean {
    this.#checkKey(key);
    return this.#try('delete', () => addon.remove(this.#handle, key));
  }

  /** Write many entries; those before one that is refused are written. */
  updateBatch(keys: readonly Uint8Array[], values: readonly Uint8Array[]): void {
    if (keys.length !== values.length) {
      throw invalid('values', values.length, `one for each of ${String(keys.length)} keys`);
    }
    for (const key of keys) this.#checkKey(key);
    for (const value of values) this.#checkValue(value);
    this.#try(`update ${String(keys.length)} entries`, () => {
      addon.updateBatch(this.#handle, Buffer.concat(keys), Buffer.concat(values));
    });
  }

  /** Remove many entries; one that is not there is no error. */
  deleteBatch(keys: readonly Uint8Array[]): void {
    for (const key of keys) this.#checkKey(key);
    this.#try(`delete ${String(keys.length)} entries`, () => {
      addon.removeBatch(this.#handle, Buffer.concat(keys));
    });
  }

  /** All entries. Of what changes meanwhile, each is there or not, never twice. */
  entries(): [key: Buffer, value: Buffer][] {
    const { valueBytes } = this.#info;
    const { keys, values } = this.packed();
    return slices(keys, this.keySize).map((key, n) => [
      key,
      values.subarray(n * valueBytes, (n + 1) * valueBytes),
    ]);
  }

  /** All entries, keys and values side by side: for maps with very many. */
  packed(): { readonly keys: Buffer; readonly values: Buffer } {
    const [keys, values] = this.#try('read', () => addon.entries(this.#handle));
    return { keys, values };
  }

  /** All keys. */
  keys(): Buffer[] {
    return slices(this.packed().keys, this.keySize);
  }

  /** Store a 32-bit word of an mmap-able array, as one store. */
  store32(index: number, offset: number, value: number): void {
    this.#checkWord(index, offset);
    this.#try('store into', () => {
      addon.store32(this.#handle, index, offset, value);
    });
  }

  /** Load a 32-bit word of an mmap-able array, as one load. */
  load32(index: number, offset: number): number {
    this.#checkWord(index, offset);
    return this.#try('load from', () => addon.load32(this.#handle, index, offset));
  }

  /** Close; what is pinned or used by a program stays. Twice does nothing. */
  [Symbol.dispose](): void {
    addon.close(this.#handle);
  }

  #try<T>(what: string, run: () => T): T {
    try {
      return run();
    } catch (reason) {
      throw refused(`${what} map ${this.name}`, reason);
    }
  }

  #checkKey({ length }: Uint8Array): void {
    const { keySize } = this.#info;
    if (length !== keySize) throw invalid(`${this.name} key`, length, `${String(keySize)} bytes`);
  }

  #checkValue({ length }: Uint8Array): void {
    const { valueBytes } = this.#info;
    if (length !== valueBytes) {
      throw invalid(`${this.name} value`, length, `${String(valueBytes)} bytes`);
    }
  }

  #checkWord(index: number, offset: number): void {
    const { maxEntries, valueSize } = this.#info;
    if (!Number.isInteger(index) || index < 0 || index >= maxEntries) {
      throw invalid(`${this.name} index`, index, `0 to ${String(maxEntries - 1)}`);
    }
    if (offset % 4 !== 0 || offset < 0 || offset + 4 > valueSize) {
      throw invalid(`${this.name} offset`, offset, `a multiple of 4 below ${String(valueSize)}`);
    }
  }
}

function slices(packed: Buffer, size: number): Buffer[] {
  return Array.from({ length: packed.length / size }, (_, n) =>
    packed.subarray(n * size, (n + 1) * size),
  );
}

function round8(size: number): number {
  return Math.ceil(size / 8) * 8;
}
