// SPDX-License-Identifier: Apache-2.0
/** One look at a forwarder: its maps are opened, read and closed again. */
import { join } from 'node:path';
import { z } from 'zod';
import { WireError } from '../../api/errors/wire-error.js';
import { attachments } from '../../bpf/loader/attach.js';
import { askOperator, type ForwarderSocket } from '../operator-client.js';
import { pinnedMaps, type Maps } from './maps.js';
import { inWords, socketOf, type NodeChoice } from './node.js';
import { readPlane, type PlaneReading } from './read.js';
import { countSessions } from './sessions.js';

/** Read with the maps of a node; they are opened anew, so that new ones are seen. */
export function look<T>(node: NodeChoice, read: (maps: Maps, reading: PlaneReading) => T): T {
  try {
    using maps = pinnedMaps(node.directory);
    return read(maps, readPlane(maps));
  } catch (reason) {
    throw inWords(reason, node);
  }
}

/** What is known beside the tables. */
export interface Whole {
  readonly reading: PlaneReading;
  readonly sessions: { readonly ipv4: number; readonly ipv6: number };
  readonly forwarder: Answering;
  readonly attached: Attached;
  /** Of the monotonic clock. */
  readonly atMs: number;
}

/** Whether the forwarder's process is there. */
export interface Answering {
  readonly running: boolean;
  readonly socket: string;
  /** Why it is taken not to run. */
  readonly reason: string | null;
}

/** How our programs are attached. */
export interface Attached {
  /** null where none is. */
  readonly kind: 'tcx' | 'clsact' | 'mixed' | null;
  readonly programs: number;
}

/** All that `wanwire status` tells. */
export async function lookAtAll(node: NodeChoice): Promise<Whole> {
  const tables = look(node, (maps, reading) => ({
    reading,
    sessions: countSessions(maps, reading),
    atMs: performance.now(),
  }));
  const socket = socketOf(node, tables.reading.plane.node.operator);
  const [forwarder, attached] = await Promise.all([
    answering({ name: node.name, socket }),
    attachedIn(node.directory),
  ]);
  return { ...tables, forwarder, attached };
}

async function answering(node: ForwarderSocket): Promise<Answering> {
  const { socket } = node;
  const question = { method: 'GET', path: '/version', patienceMs: 1_000 } as const;
  try {
    await askOperator(node, question, z.object({ name: z.string() }));
    return { running: true, socket, reason: null };
  } catch (reason) {
    if (!(reason instanceof WireError)) throw reason;
    return { running: false, socket, reason: reason.message };
  }
}

async function attachedIn(directory: string): Promise<Attached> {
  const all = await attachments(join(directory, 'links'));
  // A clsact filter is looked for in our own namespace, where it may not be; its record says enough.
  const kinds = new Set(
    all.filter((one) => one.alive || one.kind === 'clsact').map(({ kind }) => kind),
  );
  const [kind = null] = kinds;
  return { kind: kinds.size > 1 ? 'mixed' : kind, programs: all.length };
}
