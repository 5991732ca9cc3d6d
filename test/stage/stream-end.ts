// SPDX-License-Identifier: Apache-2.0
/**
 * One end of a TCP stream of requests' tokens. `server PORT`: sends back what it gets, to
 * one that connects. `client ADDRESS PORT COUNT`: sends so many, and ends when all came back.
 */
import { connect, createServer } from 'node:net';

const [role = '', ...args] = process.argv.slice(2);

if (role === 'server') {
  const server = createServer((socket) => socket.pipe(socket));
  server.listen({ host: '::', port: Number(args[0]) }, () => process.stdout.write('ready\n'));
} else {
  const [host = '', port = '', count = ''] = args;
  const all = Array.from(
    { length: Number(count) },
    // The gaps are of many lengths, so that cuts fall everywhere.
    (_, n) => `ww-request=stream.${String(n)};${'.'.repeat((n * 37) % 101)}`,
  ).join('');
  const socket = connect({ host, port: Number(port) });
  let back = 0;
  socket.on('data', (data) => (back += data.length));
  socket.on('end', () => process.exit(back === all.length ? 0 : 1));
  socket.end(all);
}
