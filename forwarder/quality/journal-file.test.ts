// SPDX-License-Identifier: Apache-2.0
import { appendFile, utimes, writeFile } from 'node:fs/promises';
import t, { type Test } from 'tap';
import { journalPath, journalRecords } from './journal-file.js';

const line = (type: string, wallMs: number): string => `${JSON.stringify({ type, wallMs })}\n`;

async function read(folder: string, sinceMs: number): Promise<string[]> {
  const all = [];
  for await (const { type, wallMs } of journalRecords(folder, sinceMs)) {
    all.push(`${type} ${String(wallMs)}`);
  }
  return all;
}

async function twoFiles(t: Test): Promise<string> {
  const folder = t.testdir();
  const older = [line('setup', 1), line('sample', 2), line('setup', 10), line('event', 11)];
  await writeFile(`${journalPath(folder)}.1`, older.join(''));
  await writeFile(journalPath(folder), [line('setup', 20), line('event', 21)].join(''));
  return folder;
}

t.test('no journal, no records', async (t) => {
  t.strictSame(await read(t.testdir(), 0), []);
  t.strictSame(await read('/nowhere', 0), []);
});

t.test('both files, the older first', async (t) => {
  const folder = await twoFiles(t);
  const all = ['setup 1', 'sample 2', 'setup 10', 'event 11', 'setup 20', 'event 21'];
  t.strictSame(await read(folder, 0), all);
});

t.test('from a time on, with the setup in force then', async (t) => {
  const folder = await twoFiles(t);
  t.strictSame(await read(folder, 2), ['setup 1', ...(await read(folder, 0)).slice(1)]);
  t.strictSame(await read(folder, 11), ['setup 10', 'event 11', 'setup 20', 'event 21']);
  t.strictSame(await read(folder, 20), ['setup 20', 'event 21']);
  t.strictSame(await read(folder, 21), ['setup 20', 'event 21']);
  t.strictSame(await read(folder, 22), []);
});

t.test('the setup with which a file begins, where it is the one in force', async (t) => {
  const folder = await twoFiles(t);
  await writeFile(journalPath(folder), [line('setup', 10), line('event', 21)].join(''));
  t.strictSame((await read(folder, 0)).slice(2), ['setup 10', 'event 11', 'event 21']);
  t.strictSame(await read(folder, 12), ['setup 10', 'event 21']);
});

t.test('an older file that ends before is not read', async (t) => {
  const folder = await twoFiles(t);
  await utimes(`${journalPath(folder)}.1`, 0, 0);
  t.strictSame(await read(folder, 1), ['setup 20', 'event 21']);
});

t.test('lines that a kill has cut, and what is no record', async (t) => {
  const folder = await twoFiles(t);
  await appendFile(journalPath(folder), `{"type":"sam\nnull\n"x"\n${line('event', 22)}{"ty`);
  t.strictSame(await read(folder, 20), ['setup 20', 'event 21', 'event 22']);
});
