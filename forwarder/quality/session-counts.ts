// SPDX-License-Identifier: Apache-2.0
/** Counts the cached sessions by class and strand: one reading of the maps, nothing kept. */
import * as layout from '../../bpf/loader/layout.js';
import type { BpfMap } from '../../bpf/loader/map.js';
import type { SessionCount } from './stranded.js';

/** What of the plane is read. */
export interface CountedPlane {
  readonly generation: number;
  readonly tables: {
    readonly sessions4: { readonly map: Pick<BpfMap, 'packed' | 'keySize'> };
    readonly sessions6: { readonly map: Pick<BpfMap, 'packed' | 'keySize'> };
    readonly wires: { get(key: { value: number }): { readonly policy: number } | undefined };
  };
  nameOf(kind: 'ruleset' | 'class', id: number): Readonly<Record<string, string>> | undefined;
}

/** One whose last packet is older, in nanoseconds, is taken for over. */
const liveForNs = 120_000_000_000n;
const { offsets, size } = layout.session;

/** Those that are alive, at that time of CLOCK_MONOTONIC; of sessions that follow their peer or a pin the class is empty. */
export function sessionCounts(plane: CountedPlane, nowNs: bigint): SessionCount[] {
  const counts = new Map<string, { -readonly [K in keyof SessionCount]: SessionCount[K] }>();
  const names = new Map<string, string>();
  const rows = new Map<number, number>();
  const bank = plane.generation & 1;
  const rowOf = (wire: number): number => {
    let row = rows.get(wire);
    if (row === undefined) {
      row = layout.rulesetRow(bank, plane.tables.wires.get({ value: wire })?.policy ?? 0);
      rows.set(wire, row);
    }
    return row;
  };
  const nameOf = (row: number, classId: number): string => {
    if (classId === layout.unclassified) return '';
    const key = `${String(row)}:${String(classId)}`;
    let name = names.get(key);
    if (name === undefined) {
      const policy = plane.nameOf('ruleset', row)?.['policy'] ?? '';
      name = `${policy}/${plane.nameOf('class', ((row << 16) | classId) >>> 0)?.['name'] ?? ''}`;
      names.set(key, name);
    }
    return name;
  };
  for (const { map } of [plane.tables.sessions4, plane.tables.sessions6]) {
    const { keys, values } = map.packed();
    for (let at = 0, key = 0; at + size <= values.length; at += size, key += map.keySize) {
      const strand = values.readUInt16LE(at + offsets.strand);
      if (strand === 0 || layout.isClosed(values[at + offsets.flags] ?? 0)) continue;
      if (nowNs - values.readBigUInt64LE(at + offsets.last_ns) > liveForNs) continue;
      const name = nameOf(
        rowOf(keys.readUInt32LE(key)),
        values.readUInt16LE(at + offsets.class_id),
      );
      const home = values.readUInt16LE(at + offsets.home);
      const sla = values[at + offsets.sla] ?? 0;
      const id = `${name}:${String(sla)}:${String(strand)}:${String(home)}`;
      const count = counts.get(id);
      if (count === undefined) counts.set(id, { class: name, sla, strand, home, sessions: 1 });
      else count.sessions++;
    }
  }
  return [...counts.values()];
}

/** How many are on a strand, or belong there. */
export function sessionsOf(counts: readonly SessionCount[], strand: number): number {
  return counts
    .filter((one) => one.strand === strand || one.home === strand)
    .reduce((sum, { sessions }) => sum + sessions, 0);
}
