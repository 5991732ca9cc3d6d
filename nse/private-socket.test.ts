// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname } from 'node:path';
import { privateSocket } from './private-socket.js';

const base = mkdtempSync(`${tmpdir()}/ww-sockets-`);
t.teardown(() => {
  rmSync(base, { recursive: true });
});

function pathOf({ url }: { readonly url: string }): string {
  return url.replace('unix://', '');
}

t.test('a socket of its own, for this user only, and gone in the end', async (t) => {
  const one = await privateSocket(base);
  const other = await privateSocket(base);
  t.not(one.url, other.url);
  t.equal(statSync(dirname(pathOf(one))).mode & 0o777, 0o700);
  await Promise.all([one, other].map((socket) => socket[Symbol.asyncDispose]()));
  t.notOk(existsSync(dirname(pathOf(one))));
  await one[Symbol.asyncDispose]();
});

t.test('what a killed endpoint left is removed, what lives is not', async (t) => {
  const killed = await privateSocket(base);
  const listen = `require('net').createServer().listen(${JSON.stringify(pathOf(killed))}, () => process.kill(process.pid, 'SIGKILL'))`;
  t.equal(spawnSync(process.execPath, ['-e', listen]).signal, 'SIGKILL');
  t.ok(existsSync(pathOf(killed)), 'the dead socket is there');

  const living = await privateSocket(base);
  const server = createServer().listen(pathOf(living));
  t.teardown(() => server.close());
  await once(server, 'listening');
  const begun = `${base}/wanwire-nse-begun`;
  const others = `${base}/others`;
  for (const folder of [begun, others]) mkdirSync(folder);

  await (await privateSocket(base))[Symbol.asyncDispose]();
  t.notOk(existsSync(dirname(pathOf(killed))));
  t.ok([pathOf(living), begun, others].every((path) => existsSync(path)));
});
