// SPDX-License-Identifier: Apache-2.0
/**
 * Reads the journal in a forwarder's state folder, whether somebody writes it or not:
 * first what was put aside when it became too long, then the rest.
 */
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { JournalRecord } from './journal-record.js';

/** The file that is written to; that with `.1` behind its name is the one before. */
export const journalName = 'quality.ndjson';

/** In a forwarder's state folder. */
export function journalPath(folder: string): string {
  return join(folder, journalName);
}

/**
 * The records from wall clock `sinceMs` on; before them the setup that was in force then, so that
 * they can be replayed. Nothing where there is no journal. A line that a kill has cut is left out.
 */
export async function* journalRecords(
  folder: string,
  sinceMs: number,
): AsyncGenerator<JournalRecord> {
  // The newer first: where it is put aside meanwhile, it is opened twice rather than missed.
  const newer = await opened(journalPath(folder));
  const older = await opened(`${journalPath(folder)}.1`);
  try {
    const files = [];
    if (older !== undefined && (await isOther(older, newer)) && (await reaches(older, sinceMs))) {
      files.push(older);
    }
    if (newer !== undefined) files.push(newer);
    yield* from(files, sinceMs);
  } finally {
    await newer?.close();
    await older?.close();
  }
}

async function* from(files: readonly FileHandle[], sinceMs: number): AsyncGenerator<JournalRecord> {
  let setup: JournalRecord | undefined;
  let inForce = '';
  for (const file of files) {
    for await (const line of file.readLines({ autoClose: false })) {
      const record = recordOf(line);
      if (record === undefined) continue;
      if (record.type === 'setup') {
        // Each file begins with the one in force: to who reads on it is no news.
        if (line === inForce) continue;
        inForce = line;
        setup = record;
      }
      if (record.wallMs < sinceMs) continue;
      if (setup !== undefined) yield setup;
      setup = undefined;
      if (record.type !== 'setup') yield record;
    }
  }
}

function recordOf(line: string): JournalRecord | undefined {
  try {
    const record = JSON.parse(line) as Partial<JournalRecord> | null;
    const right = typeof record?.wallMs === 'number' && typeof record.type === 'string';
    return right ? (record as JournalRecord) : undefined;
  } catch {
    return undefined;
  }
}

async function opened(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path);
  } catch (reason) {
    if ((reason as { code?: string }).code === 'ENOENT') return undefined;
    throw reason;
  }
}

async function isOther(file: FileHandle, than: FileHandle | undefined): Promise<boolean> {
  return than === undefined || (await file.stat()).ino !== (await than.stat()).ino;
}

/** Whether something was written to it since. */
async function reaches(file: FileHandle, sinceMs: number): Promise<boolean> {
  return (await file.stat()).mtimeMs >= sinceMs;
}
