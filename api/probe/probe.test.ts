// SPDX-License-Identifier: Apache-2.0
/** What a probe is answered. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { command } from '../../test/stage/command.js';
import { environment } from '../env/read-environment.js';
import { answerProbes } from './probe.js';

/** What the socket says until it closes. */
function asked(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    connect(path)
      .on('data', (part) => (text += part.toString()))
      .on('end', () => resolve(text))
      .on('error', reject);
  });
}

t.test('one line: ready, or why not', async (t) => {
  const path = join(t.testdir(), 'run', 'probe.sock');
  let trouble: string | undefined = 'it starts\nstill';
  const probe = await answerProbes({
    url: `unix://${path}`,
    name: 'forwarder',
    trouble: () => trouble,
  });
  t.equal(await asked(path), 'not ready: it starts still\n');
  trouble = undefined;
  const answers = await Promise.all(Array.from({ length: 20 }, () => asked(path)));
  t.ok(answers.every((answer) => answer === 'ok forwarder\n'));
  probe[Symbol.dispose]();
  t.notOk(existsSync(path), 'leaves nothing');
});

/** Exit code and words of the probe. */
async function probed(...args: string[]): Promise<readonly [code: number | null, said: string]> {
  const child = spawn(fileURLToPath(new URL('../../bpf/build/probe', import.meta.url)), args);
  let said = '';
  child.stdout.on('data', (part: Buffer) => (said += part.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return [code, said];
}

t.test('the program that Kubernetes asks by', async (t) => {
  const path = join(t.testdir(), 'probe.sock');
  t.match(await probed(path), [1, /No such file/]);
  let trouble: string | undefined = 'it starts';
  const url = `unix://${path}`;
  using _probe = await answerProbes({ url, name: 'manager', trouble: () => trouble });
  t.strictSame(await probed(path), [1, 'not ready: it starts\n']);
  t.strictSame(await probed('--alive', path), [0, '']);
  trouble = undefined;
  t.strictSame(await probed(path, '500'), [0, '']);
});

t.test('a client that stays away from what it was told', async (t) => {
  const path = join(t.testdir(), 'probe.sock');
  using _probe = await answerProbes({ url: `unix://${path}`, name: 'a', trouble: () => undefined });
  const rude = connect(path);
  await new Promise((resolve) => rude.once('connect', resolve));
  rude.destroy();
  t.equal(await asked(path), 'ok a\n');
});

t.test('what is in the way is no socket', async (t) => {
  const path = join(t.testdir(), 'probe.sock');
  writeFileSync(path, '');
  const probe = answerProbes({ url: `unix://${path}`, name: 'a', trouble: () => undefined });
  await t.rejects(probe, /exists and is not a socket/);
});

t.test('a process has it from its start to its end, and leaves nothing', async (t) => {
  // A test's own folder has too long a name for a socket.
  const folder = mkdtempSync(join(tmpdir(), 'ww-probe-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'taken'), '');
  const start = (probe: string) => {
    const child = spawn(process.execPath, [command(), 'manager'], {
      env: {
        ...environment(),
        ...{ WANWIRE_INSECURE: 'true', NSM_LISTEN_ON: `unix://${join(folder, 'm.sock')}` },
        WANWIRE_PROBE_LISTEN_ON: `unix://${join(folder, probe)}`,
      },
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (part: Buffer) => (said += part.toString()));
    }
    return { child, said: () => said, ended: once(child, 'close') };
  };
  const wrong = start('taken');
  t.strictSame(await wrong.ended, [1, null]);
  t.match(wrong.said(), /cannot start: .*taken exists and is not a socket/);
  const { child, ended } = start('probe.sock');
  await once(child.stdout, 'data');
  t.equal(await asked(join(folder, 'probe.sock')), 'ok manager\n');
  child.kill('SIGTERM');
  t.strictSame(await ended, [0, null]);
  t.notOk(existsSync(join(folder, 'probe.sock')));
});
