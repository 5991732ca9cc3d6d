// SPDX-License-Identifier: Apache-2.0
/** Handles of the addon, closed in every order, forgotten, or left to the end of the process. */
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';
import { bpffs, compile } from './objects.js';
import { typescript } from './typescript.js';

const life = fileURLToPath(new URL('life.ts', import.meta.url));
const all = ['open', 'load', 'map', 'program', 'store'];

/** Steps, and how many handles are left to the collector. */
const lives: readonly (readonly [steps: readonly string[], leaks: number])[] = [
  [['open'], 0],
  [['open', 'close object', 'close object', 'use closed object'], 0],
  [['open', 'forget', 'collect'], 1],
  [['open', 'load', 'close object', 'collect', 'forget', 'collect'], 0],
  [['open', 'load', 'forget', 'collect'], 1],
  [[...all], 0],
  [[...all, 'forget', 'collect'], 3],
  [[...all, 'close object', 'use closed map', 'store in closed map', 'forget', 'collect'], 0],
  [[...all, 'close map', 'close map', 'store in closed map', 'close object'], 0],
  [[...all, 'close map', 'close program', 'close object', 'forget', 'collect'], 0],
  [[...all, 'read', 'run', 'close object', 'attach closed program', 'wait'], 0],
  // Under way when their program is closed, forgotten, or when the process ends.
  [[...all, 'attach', 'filter', 'close object', 'wait', 'forget', 'collect'], 0],
  [[...all, 'attach', 'filter', 'grace', 'forget', 'collect', 'wait', 'collect'], 3],
  [[...all, 'attach', 'filter', 'grace'], 0],
  [['worker', 'collect'], 0],
  [['worker that is ended', 'collect'], 0],
  [['worker', 'worker that is ended', ...all, 'close object'], 0],
];

for (const [steps, leaks] of lives) {
  t.test(steps.join(', '), async (t) => {
    const links = bpffs(t);
    const node = [process.execPath, '--expose-gc', ...typescript, life, compile('count'), links];
    // Rejects unless it exits with 0, by itself.
    const { stdout, stderr } = await promisify(execFile)('unshare', [
      ...['--net', 'env', '-u', 'NODE_OPTIONS'],
      ...node,
      ...steps,
    ]);
    t.equal(stdout, `${String(leaks)}\n`, 'left to the collector');
    t.equal(stderr, '');
    if (steps.includes('wait') && steps.includes('attach')) {
      t.same(readdirSync(links).sort(), ['clsact', 'tcx'], 'what was under way was done');
    }
  });
}
