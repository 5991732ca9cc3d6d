// SPDX-License-Identifier: Apache-2.0
/**
 * What the program at a wire says of a packet, by BPF_PROG_TEST_RUN, without a
 * trace: a twin is run, loaded from the same object onto the same tables, with
 * sessions, counters and events of its own that go with it. The kernel's digest
 * of its instructions (the tag) must be that of the program at the wire, or it
 * is not asked.
 *
 * Leaves: nothing. A folder of pins is there while the twin is loaded; of one
 * that was killed just then, the next one takes it away.
 */
import { linkSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { KernelError } from '../../api/errors/kernel-error.js';
import { WireError } from '../../api/errors/wire-error.js';
import type { ProgramInfo } from '../../bpf/loader/addon.js';
import * as layout from '../../bpf/loader/layout.js';
import { BpfMap } from '../../bpf/loader/map.js';
import { BpfObject } from '../../bpf/loader/object.js';
import { objectPath } from '../../bpf/loader/objects.js';
import { index, perCpu } from '../plane/maps.js';
import type { CachedSession } from './state.js';

/** Which wire, and what comes in there. */
export interface Trial {
  /** Of the forwarder's pins. */
  readonly directory: string;
  /** The program at the wire's host end. */
  readonly attached: ProgramInfo;
  readonly port: number;
  readonly wire: number;
  readonly frame: Uint8Array;
  /** Where the flow's session stands. */
  readonly at: Pick<CachedSession, 'map' | 'key'>;
  /** It, where it is cached. */
  readonly cached: Uint8Array | undefined;
}

/** What the program did. */
export interface Verdict {
  readonly id: number;
  readonly tag: string;
  /** 0 where it was dropped, or let pass. */
  readonly strand: number;
  readonly drop: layout.DropReason | undefined;
  /** It let the packet pass unsteered. */
  readonly passed: boolean;
  /** Nothing where it left no session. */
  readonly session: layout.Session | undefined;
}

/** What decides, and is only read: these are the forwarder's. All other maps are the twin's own. */
const tables: ReadonlySet<string> = new Set([
  'control',
  'ports',
  'wires',
  'strands',
  'paths',
  'tunnels',
  'pins',
  'rulesets',
  'rules',
  'criteria',
  'exact',
  'wire_rules',
  'classes',
  'names',
]);
/** One packet needs no more. */
const sizes: Readonly<Record<string, number>> = {
  sessions4: 1024,
  sessions6: 1024,
  fragments4: 1024,
  fragments6: 1024,
  rule_stats: 1,
  sent: 1,
  senders: 1024,
  followed: 1,
};
const name = 'wire_tx';
const prefix = 'explain-';
/** Loading takes less, also on a busy machine. */
const abandonedMs = 60_000;
const enodev = 19;
/** TCX_NEXT: whoever stands behind it decides. */
export const pass = -1;

/** Ask; FAILED_PRECONDITION where the program at the wire is not that of this version. */
export function tryPacket(trial: Trial): Verdict {
  const { attached, frame, port } = trial;
  using twin = load(trial);
  const program = twin.program(name);
  if (program.tag !== attached.tag) {
    const text =
      `the program at the wire (id ${String(attached.id)}, tag ${attached.tag}) is not that of this wanwire ` +
      `(tag ${program.tag}): it is not asked. Use the version of wanwire that its forwarder has`;
    throw new WireError(status.FAILED_PRECONDITION, text);
  }
  if (trial.cached !== undefined) {
    // As if it had not looked around for long: what it finds is what is asked for.
    const cached = layout.session.encode({ ...layout.session.decode(trial.cached), slice: 0 });
    twin.map(trial.at.map).update(trial.at.key, cached);
  }
  try {
    const { retval } = program.testRun(frame, { ifindex: port });
    return { id: attached.id, tag: attached.tag, passed: retval === pass, ...found(twin, trial) };
  } catch (reason) {
    throw refusedHere(reason, port);
  }
}

/** An interface that is not in this namespace, in words; any other reason as it is. */
export function refusedHere(reason: unknown, port: number): unknown {
  if (!(reason instanceof KernelError) || reason.errno !== enodev) return reason;
  const text = `the wire's host end (interface ${String(port)}) is not here: run this in the network namespace of its forwarder`;
  return new WireError(status.FAILED_PRECONDITION, text, { cause: reason });
}

function load({ directory, wire }: Trial): BpfObject {
  sweep(directory);
  const object = BpfObject.open(objectPath('wire'));
  let pins: string | undefined;
  try {
    pins = mkdtempSync(join(directory, prefix));
    for (const map of object.mapNames) {
      if (tables.has(map)) link(object, map, join(directory, 'maps', map), pins);
      else {
        const size = map === 'wire_stats' ? wire + 1 : sizes[map];
        if (size !== undefined) object.setMaxEntries(map, size);
      }
    }
    object.load({ pinDirectory: pins });
    return object;
  } catch (reason) {
    object[Symbol.dispose]();
    throw KernelError.from(`load the programs of ${directory} once more`, reason);
  } finally {
    if (pins !== undefined) rmSync(pins, { recursive: true, force: true });
  }
}

/** Let the object find a pinned map in another folder. */
function link(object: BpfObject, map: string, pin: string, folder: string): void {
  linkSync(pin, join(folder, map));
  using there = BpfMap.open(pin);
  object.setMaxEntries(map, there.maxEntries);
}

/** What one that was killed has left. */
function sweep(directory: string): void {
  for (const one of readdirSync(directory)) {
    if (!one.startsWith(prefix)) continue;
    const path = join(directory, one);
    const { mtimeMs = Date.now() } = statSync(path, { throwIfNoEntry: false }) ?? {};
    if (Date.now() - mtimeMs > abandonedMs) rmSync(path, { recursive: true, force: true });
  }
}

function found(twin: BpfObject, { wire, at }: Trial) {
  const value = twin.map(at.map).lookup(at.key);
  const session = value === undefined ? undefined : layout.session.decode(value);
  const counted = perCpu(layout.wireStats, twin.map('wire_stats'), index(wire));
  const drop = layout.dropReasons.find((_, reason) =>
    counted.some(({ drops }) => (drops[reason] ?? 0n) > 0n),
  );
  return { session, drop, strand: strandOf(twin) };
}

/** The one strand that counted the packet; 0 where none did. */
function strandOf(twin: BpfObject): number {
  const map = twin.map('strand_stats');
  const each = map.valueSize;
  const counts = (value: Buffer): boolean =>
    Array.from({ length: map.possibleCpus }, (_, cpu) => value.subarray(cpu * each)).some(
      (one) => layout.stats.decode(one).tx_packets > 0n,
    );
  const [key] = map.entries().find(([, value]) => counts(value)) ?? [];
  return key === undefined ? 0 : layout.number32.decode(key).value;
}
