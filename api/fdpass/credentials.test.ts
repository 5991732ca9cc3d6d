// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { peerCredentials } from './credentials.js';

t.test('who connected to a unix socket', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'ww-fd-'));
  t.teardown(() => {
    rmSync(folder, { recursive: true });
  });
  const path = join(folder, 'socket');
  const server = createServer({ pauseOnConnect: true });
  server.listen(path);
  t.teardown(() => server.close());
  await once(server, 'listening');

  const script = `require('net').connect(${JSON.stringify(path)}).resume()`;
  const child = spawn(process.execPath, ['-e', script], { stdio: 'ignore' });
  t.teardown(() => child.kill('SIGKILL'));
  const [socket] = (await once(server, 'connection')) as [Socket];
  const peer = peerCredentials(socket);
  t.equal(peer.pid, child.pid);
  t.equal(peer.uid, process.getuid?.());
  t.equal(peer.gid, process.getgid?.());
  t.not(peer.isAlive(), false);
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
  t.not(peer.isAlive(), true, 'dead, or this kernel cannot tell');
  peer[Symbol.dispose]();
  peer[Symbol.dispose]();
  socket.destroy();
  t.throws(() => peerCredentials(socket), { message: /the socket is closed/ });
});

t.test('no unix socket, no process', async (t) => {
  const server = createServer({ pauseOnConnect: true });
  server.listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const client = connect(port, '127.0.0.1');
  t.teardown(() => client.destroy());
  const [socket] = (await once(server, 'connection')) as [Socket];
  t.teardown(() => socket.destroy());
  // The kernel knows nobody there: pid 0, and no pidfd.
  t.throws(() => {
    using peer = peerCredentials(socket);
    if (peer.pid === 0) throw new Error('nobody');
  });
});
