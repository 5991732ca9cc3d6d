// SPDX-License-Identifier: Apache-2.0
/**
 * Runs test files as `tap` does, and prints what they say as TAP, but with what sources.js has
 * prepared. Usage: run-tests.js --jobs=N --timeout=SECONDS FILE...
 */
import process from 'node:process';
import { fileURLToPath, URL } from 'node:url';
import { parseArgs } from 'node:util';
import t from '../build/sources/node_modules/@tapjs/tap.js';

const { values, positionals } = parseArgs({
  options: { jobs: { type: 'string' }, timeout: { type: 'string' } },
  allowPositionals: true,
});
if (positionals.length === 0) throw new Error('no test files');
const jobs = Number(values.jobs ?? 1);
const seconds = Number(values.timeout ?? 30);
const compiled = fileURLToPath(new URL('compiled.js', import.meta.url));

// Each file has a limit; there may be many.
t.setTimeout(0);
t.jobs = Math.max(1, Math.min(jobs, positionals.length));
for (const file of positionals) {
  void t.spawn(process.execPath, ['--enable-source-maps', `--import=${compiled}`, file], {
    name: file,
    at: null,
    stack: '',
    buffered: jobs > 1,
    timeout: seconds * 1000,
    env: { ...process.env, TAP_TIMEOUT: String(seconds) },
  });
}
