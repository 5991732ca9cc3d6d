// SPDX-License-Identifier: Apache-2.0
/**
 * The loaded program itself, by BPF_PROG_TEST_RUN on the maps that packets use:
 * for who does not trust its twin. It counts the packet (wire, strand, rule, and
 * the session where one is cached), takes a token of the insert rate, and tells
 * listeners of a session that it makes, which is removed again.
 */
import { join } from 'node:path';
import * as layout from '../../bpf/loader/layout.js';
import { BpfMap } from '../../bpf/loader/map.js';
import { Program } from '../../bpf/loader/program.js';
import { index, perCpu } from '../plane/maps.js';
import { pass, refusedHere, type Trial, type Verdict } from './twin.js';

/** Run it. */
export function runLoaded(trial: Trial): Verdict {
  const { directory, wire, at, cached, frame, port } = trial;
  using program = Program.open(join(directory, 'progs', 'wire_tx'));
  using sessions = BpfMap.open(join(directory, 'maps', at.map));
  using stats = BpfMap.open(join(directory, 'maps', 'wire_stats'));
  const before = dropsOf(stats, wire);
  try {
    const { retval } = program.testRun(frame, { ifindex: port });
    const left = sessions.lookup(at.key);
    if (cached === undefined) sessions.delete(at.key);
    const session = left && layout.session.decode(left);
    const drop = layout.dropReasons.find((_, reason) => {
      return retval === shot && (dropsOf(stats, wire)[reason] ?? 0n) > (before[reason] ?? 0n);
    });
    const { id, tag } = program;
    const strand = retval === redirect ? (session?.strand ?? 0) : 0;
    return { id, tag, strand, drop, passed: retval === pass, session };
  } catch (reason) {
    throw refusedHere(reason, port);
  }
}

const shot = 2;
const redirect = 7;

function dropsOf(stats: BpfMap, wire: number): readonly bigint[] {
  const all = perCpu(layout.wireStats, stats, index(wire));
  return layout.dropReasons.map((_, reason) =>
    all.reduce((sum, { drops }) => sum + (drops[reason] ?? 0n), 0n),
  );
}
