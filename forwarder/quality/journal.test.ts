// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { silentLogger } from '../../api/log/log.js';
import { journalName, journalRecords } from './journal-file.js';
import { Journal } from './journal.js';
import type { JournalRecord } from './journal-record.js';

function folder(t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'ww-journal-'));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

const setup = (wallMs: number): JournalRecord => {
  return { type: 'setup', wallMs, atMs: wallMs, strands: [], groups: [] };
};
const event = (wallMs: number): JournalRecord => {
  return { type: 'event', wallMs, event: { atMs: wallMs, kind: 'frozen', why: 'x'.repeat(80) } };
};

async function read(folder: string): Promise<JournalRecord[]> {
  const all: JournalRecord[] = [];
  for await (const one of journalRecords(folder, 0)) all.push(one);
  return all;
}

t.test('what was written is read, over a new life too', async (t) => {
  const own = folder(t);
  const first = new Journal({ folder: own, log: silentLogger() });
  first.write([setup(1), event(2)]);
  first.write([event(3)]);
  await first.flushed();
  const second = new Journal({ folder: own, log: silentLogger() });
  second.write([setup(4)]);
  await second.flushed();
  t.strictSame(await read(own), [setup(1), event(2), event(3), setup(4)]);
});

t.test('a long one is put aside, and each begins with the setup', async (t) => {
  const own = folder(t);
  const journal = new Journal({ folder: own, log: silentLogger(), longest: 1_000 });
  journal.write([setup(1)]);
  for (let at = 2; at < 30; at++) {
    journal.write([event(at)]);
    await journal.flushed();
  }
  for (const name of [journalName, `${journalName}.1`]) {
    const text = readFileSync(join(own, name), 'utf8');
    t.ok(text.length <= 1_000, `${name}: ${String(text.length)} bytes`);
    t.match(JSON.parse(text.split('\n')[0] ?? ''), { type: 'setup', wallMs: 1 });
  }
  t.strictSame((await read(own)).at(-1), event(29));
});

t.test('a folder that is gone is told once, and harms nobody', async (t) => {
  const own = folder(t);
  const told: unknown[] = [];
  const log = { ...silentLogger(), warn: (...of: unknown[]) => void told.push(of) };
  const journal = new Journal({ folder: own, log: log as never });
  rmSync(own, { recursive: true });
  for (const at of [1, 2]) {
    journal.write([event(at)]);
    await journal.flushed();
  }
  t.equal(told.length, 1);
  writeFileSync(own, '');
});
