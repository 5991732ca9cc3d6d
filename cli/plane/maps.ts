// SPDX-License-Identifier: Apache-2.0
/** The pinned maps of one forwarder, opened as they are asked for. Nothing is written. */
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { WireError } from '../../api/errors/wire-error.js';
import { control, layoutVersion } from '../../bpf/loader/layout.js';
import { BpfMap } from '../../bpf/loader/map.js';
import type { Field, Struct, StructOf } from '../../bpf/loader/struct.js';

/** What of a map is read. */
export interface ReadMap extends Disposable {
  /** How many values of a per-CPU map stand side by side; 1 for others. */
  readonly possibleCpus: number;
  lookup(key: Uint8Array): Buffer | undefined;
  entries(): [key: Buffer, value: Buffer][];
  keys(): Buffer[];
}

/** See the head of this file. */
export interface Maps extends Disposable {
  readonly map: (name: string) => ReadMap;
}

/** The maps pinned in a forwarder's directory. */
export function pinnedMaps(directory: string): Maps {
  const open = new Map<string, BpfMap>();
  return {
    map(name) {
      const map = open.get(name) ?? BpfMap.open(join(directory, 'maps', name));
      open.set(name, map);
      return map;
    },
    [Symbol.dispose]() {
      for (const map of open.values()) map[Symbol.dispose]();
      open.clear();
    },
  };
}

/** Which tables are in force; throws where the maps are laid out as this version cannot read. */
export function generationOf(maps: Maps): number {
  const value = maps.map('control').lookup(index(0));
  if (value === undefined || value.length < control.size) throw otherLayout('an unknown layout');
  const { layout, generation } = control.decode(value);
  // A forwarder has just made the maps.
  if (layout === 0) throw otherLayout('no layout yet');
  if (layout !== layoutVersion) throw otherLayout(`layout ${String(layout)}`);
  return generation;
}

/** The key of an array's entry. */
export function index(number: number): Buffer {
  const key = Buffer.alloc(4);
  key.writeUInt32LE(number);
  return key;
}

type Fields = Readonly<Record<string, Field>>;

/** The values of a per-CPU entry, one for each CPU. */
export function perCpu<F extends Fields>(
  struct: Struct<F>,
  map: ReadMap,
  key: Uint8Array,
): StructOf<Struct<F>>[] {
  const value = map.lookup(key);
  if (value === undefined) return [];
  const each = value.length / map.possibleCpus;
  return Array.from({ length: map.possibleCpus }, (_, cpu) => {
    return struct.decode(value.subarray(cpu * each));
  });
}

function otherLayout(found: string): WireError {
  return new WireError(
    status.FAILED_PRECONDITION,
    `the data plane has ${found}, and this wanwire reads layout ${String(layoutVersion)}: ` +
      'use the version of wanwire that its forwarder has',
  );
}
