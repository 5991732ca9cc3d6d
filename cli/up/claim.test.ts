// SPDX-License-Identifier: Apache-2.0
import t, { type Test } from 'tap';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock as clock } from '../../api/chain/clock.js';
import { silentLogger } from '../../api/log/log.js';
import { claim } from './claim.js';

const log = silentLogger();
// The system's clock keeps nobody awake.
const awake = setInterval(() => undefined, 60_000);
t.teardown(() => clearInterval(awake));

/** A process that waits to be ended. */
async function sleeper(t: Test): Promise<ChildProcess & { readonly pid: number }> {
  const child = spawn('sleep', ['600'], { stdio: 'ignore' });
  await once(child, 'spawn');
  t.teardown(() => child.kill('SIGKILL'));
  return child as ChildProcess & { readonly pid: number };
}

interface Record {
  owner: { pid: number; started: string; boot: string };
  children: { pid: number; started: string; boot: string }[];
}

function recordOf(directory: string): Record {
  return JSON.parse(readFileSync(join(directory, 'up.json'), 'utf8')) as Record;
}

/** The folder as a killed `up` with these processes leaves it. */
async function abandoned(t: Test, pids: readonly number[]): Promise<string> {
  const directory = t.testdir();
  const own = await claim(directory, { clock, log });
  await own.note(pids);
  const record = recordOf(directory);
  const dead = await sleeper(t);
  dead.kill('SIGKILL');
  await once(dead, 'exit');
  const owner = { ...record.owner, pid: dead.pid };
  writeFileSync(join(directory, 'up.json'), JSON.stringify({ ...record, owner }));
  return directory;
}

t.test('a folder has one owner at a time, and nothing stays of it', async (t) => {
  const directory = t.testdir();
  const own = await claim(directory, { clock, log });
  await t.rejects(claim(directory, { clock, log }), {
    message: `another wanwire up (pid ${String(process.pid)}) has ${directory}`,
  });
  await own.close();
  t.strictSame(readdirSync(directory), []);
  const again = await claim(directory, { clock, log });
  await again.close();
});

t.test('of many that want it at once, one gets it', async (t) => {
  const directory = t.testdir();
  const wishes = Array.from({ length: 20 }, () => claim(directory, { clock, log }));
  const results = await Promise.allSettled(wishes);
  t.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
  t.strictSame(readdirSync(directory), ['up.json']);
});

t.test('the folder of a dead one is taken over', async (t) => {
  const directory = await abandoned(t, []);
  const own = await claim(directory, { clock, log });
  t.equal(recordOf(directory).owner.pid, process.pid);
  await own.close();
  t.strictSame(readdirSync(directory), []);
});

t.test('many take over the folder of a dead one: one gets it', async (t) => {
  const directory = await abandoned(t, []);
  const wishes = Array.from({ length: 20 }, () => claim(directory, { clock, log }));
  const results = await Promise.allSettled(wishes);
  t.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
  t.strictSame(readdirSync(directory), ['up.json']);
});

t.test('what a dead one started is waited for', async (t) => {
  const child = await sleeper(t);
  const directory = await abandoned(t, [child.pid]);
  let mine = false;
  const taking = claim(directory, { clock, log }).then(() => (mine = true));
  // It ends by itself, as processes do whose `up` is gone.
  await new Promise((resolve) => setTimeout(resolve, 200));
  t.notOk(mine);
  child.kill('SIGTERM');
  await taking;
});

t.test('a number that another process has now is not waited for', async (t) => {
  const child = await sleeper(t);
  const directory = await abandoned(t, [child.pid]);
  const record = recordOf(directory);
  const children = record.children.map((one) => ({ ...one, started: '1' }));
  writeFileSync(join(directory, 'up.json'), JSON.stringify({ ...record, children }));
  await claim(directory, { clock, log });
  t.equal(child.exitCode, null);
  t.equal(child.signalCode, null);
});

t.test('a file that says nothing, or something else, is nobody', async (t) => {
  for (const text of [
    '',
    '{}',
    'null',
    '{"owner":{"pid":1}}',
    '{"owner":{"pid":-1,"started":"1","boot":"x"}}',
  ]) {
    const directory = t.testdir({ 'up.json': text });
    const own = await claim(directory, { clock, log });
    t.equal(recordOf(directory).owner.pid, process.pid, text);
    await own.close();
  }
});
