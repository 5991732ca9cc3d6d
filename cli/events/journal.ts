// SPDX-License-Identifier: Apache-2.0
/**
 * The journal's records: from the forwarder, and from its files while it is dead. To
 * follow it is to ask again for what was written since, so that a forwarder may come and go.
 */
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { WireError } from '../../api/errors/wire-error.js';
import { journalPath, journalRecords } from '../../forwarder/quality/journal-file.js';
import type { JournalRecord } from '../../forwarder/quality/journal-record.js';
import type { ForwarderSocket } from '../operator-client.js';
import { operatorLines } from '../operator-lines.js';
import { recordOf } from '../replay/record-schema.js';

/** What {@link followJournal} works with. */
export interface JournalFollowing {
  readonly node: ForwarderSocket;
  /** Wall clock, in milliseconds since 1970. */
  readonly sinceMs: number;
  /** Go on until the signal. */
  readonly follow: boolean;
  readonly signal: AbortSignal;
  /** Where it is told that the forwarder is away. */
  readonly aside: { write(text: string): unknown };
  /** Until it is asked again, in milliseconds. */
  readonly pauseMs?: number;
}

const usualPauseMs = 500;

/** Each record once; see the head of this file. */
export async function* followJournal(options: JournalFollowing): AsyncGenerator<JournalRecord> {
  const { follow, signal, pauseMs = usualPauseMs } = options;
  let sinceMs = Math.floor(options.sinceMs);
  /** Those told of the last millisecond: they come again. */
  let told: string[] = [];
  let setup = '';
  const away = { now: undefined as boolean | undefined };
  for (;;) {
    let last = told;
    for await (const record of recordsOf(options, sinceMs, away)) {
      const text = JSON.stringify(record);
      // The setup that was in force comes first each time.
      if (record.type === 'setup' && text === setup) continue;
      const at = Math.floor(record.wallMs);
      if (at < sinceMs && record.type !== 'setup') continue;
      if (at === sinceMs && told.includes(text)) continue;
      if (record.type === 'setup') setup = text;
      if (at > sinceMs) [sinceMs, told, last] = [at, [], []];
      if (at === sinceMs) last = [...last, text];
      yield record;
    }
    told = last;
    if (!follow || isOver(signal)) return;
    await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
    if (isOver(signal)) return;
  }
}

/** A call: what is known of it before an `await` says nothing about after it. */
function isOver({ aborted }: AbortSignal): boolean {
  return aborted;
}

async function* recordsOf(
  { node, signal, aside }: JournalFollowing,
  sinceMs: number,
  away: { now: boolean | undefined },
): AsyncGenerator<JournalRecord> {
  const path = `/quality/events?since=${String(sinceMs)}`;
  try {
    for await (const line of operatorLines(node, { path, signal })) yield fromForwarder(node, line);
    // What ends with the signal says nothing of the forwarder.
    if (isOver(signal)) return;
    if (away.now === true) aside.write(`wanwire: forwarder ${node.name} is back\n`);
    away.now = false;
    return;
  } catch (reason) {
    const isAway = reason instanceof WireError && reason.code === status.UNAVAILABLE;
    if (!isAway) throw reason;
  }
  const folder = dirname(node.socket);
  if (away.now !== true) {
    const text = `forwarder ${node.name} does not answer: read from ${journalPath(folder)}`;
    aside.write(`wanwire: ${text}\n`);
  }
  away.now = true;
  yield* journalRecords(folder, sinceMs);
}

function fromForwarder({ name }: ForwarderSocket, line: string): JournalRecord {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    // Told below.
  }
  const found = recordOf(value);
  if ('record' in found) return found.record;
  const text = `forwarder ${name} tells its journal as another version of wanwire does`;
  throw new WireError(status.INTERNAL, `${text}: ${line.slice(0, 200)}`);
}
