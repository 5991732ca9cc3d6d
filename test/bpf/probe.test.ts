// SPDX-License-Identifier: Apache-2.0
/** The program by which Kubernetes asks a process how it is. */
import { spawn } from 'node:child_process';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';

const program = fileURLToPath(import.meta.resolve('#probe'));

async function serving(t: Test, answer: (client: Socket) => void): Promise<string> {
  const path = join(t.testdir(), 'probe.sock');
  const server = createServer((client) => {
    client.on('error', () => undefined);
    answer(client);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.teardown(() => server.close());
  return path;
}

function ask(...args: string[]): Promise<{ code: number | null; said: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, said }));
  });
}

t.test('ok is ok, in as many pieces as it comes', async (t) => {
  const path = await serving(t, (client) => {
    client.write('o');
    setTimeout(() => client.end('k forwarder\n'), 20);
  });
  t.strictSame(await ask(path), { code: 0, said: '' });
});

t.test('a process that is not ready says why', async (t) => {
  const path = await serving(t, (client) => client.end('not ready: it starts\nmore'));
  t.strictSame(await ask(path), { code: 1, said: 'not ready: it starts\n' });
  t.strictSame(await ask('--alive', path), { code: 0, said: '' }, 'but it lives');
});

t.test('one that says nothing, or nothing in time', async (t) => {
  const mute = await serving(t, (client) => client.end());
  t.strictSame(await ask('--alive', mute), {
    code: 1,
    said: `${mute}: it closed without a word\n`,
  });
  const clients: Socket[] = [];
  const stuck = await serving(t, (client) => clients.push(client));
  const began = performance.now();
  t.match(await ask(stuck, '100'), { code: 1, said: /timed out/ });
  t.ok(performance.now() - began < 2_000);
  for (const client of clients) client.destroy();
});

t.test('nobody there', async (t) => {
  t.match(await ask(join(t.testdir(), 'none.sock')), { code: 1, said: /No such file/ });
  t.match(await ask(), { code: 1, said: /usage/ });
  t.match(await ask(`/${'a'.repeat(200)}`), { code: 1, said: /too long/ });
});
