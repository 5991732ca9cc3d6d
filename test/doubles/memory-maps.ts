// SPDX-License-Identifier: Apache-2.0
/** Pinned maps without a kernel: arrays hold zeros from the start, two CPUs count. */
import type { Maps, ReadMap } from '../../cli/plane/maps.js';
import * as layout from '../../bpf/loader/layout.js';
import type { WriteMap } from './plane-fixture.js';

const arrays: Readonly<Record<string, number>> = {
  control: layout.control.size,
  wires: layout.wire.size,
  strands: layout.strand.size,
  rulesets: layout.ruleset.size,
  rules: layout.rule.size,
};
const perCpu: Readonly<Record<string, number>> = {
  wire_stats: layout.wireStats.size,
  strand_stats: layout.stats.size,
  rule_stats: layout.stats.size,
};

class MemoryMap implements ReadMap, WriteMap {
  readonly possibleCpus: number;
  readonly #zero: Buffer | undefined;
  readonly #entries = new Map<string, [Buffer, Buffer]>();

  constructor(name: string) {
    this.possibleCpus = name in perCpu ? 2 : 1;
    const size = arrays[name] ?? (perCpu[name] ?? 0) * 2;
    this.#zero = size === 0 ? undefined : Buffer.alloc(size);
  }

  lookup(key: Uint8Array): Buffer | undefined {
    return this.#entries.get(Buffer.from(key).toString('hex'))?.[1] ?? this.#zero;
  }

  update(key: Uint8Array, value: Uint8Array): void {
    const own = Buffer.from(key);
    this.#entries.set(own.toString('hex'), [own, Buffer.from(value)]);
  }

  entries(): [Buffer, Buffer][] {
    return [...this.#entries.values()];
  }

  keys(): Buffer[] {
    return this.entries().map(([key]) => key);
  }

  [Symbol.dispose](): void {
    // Nothing is held.
  }
}

/** Maps to be filled and read. */
export interface MemoryMaps extends Maps {
  readonly map: (name: string) => ReadMap & WriteMap;
}

/** Empty ones. */
export function memoryMaps(): MemoryMaps {
  const maps = new Map<string, MemoryMap>();
  return {
    map(name) {
      const found = maps.get(name) ?? new MemoryMap(name);
      maps.set(name, found);
      return found;
    },
    [Symbol.dispose]() {
      maps.clear();
    },
  };
}
