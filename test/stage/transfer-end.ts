// SPDX-License-Identifier: Apache-2.0
/**
 * One end of a TCP transfer. `server PORT`: sends back what it gets. `client
 * ADDRESS PORT KIB-PER-SECOND`: sends a known stream until its stdin ends, checks
 * every byte that comes back, and prints what became of it as JSON.
 */
import { connect, createServer, type Socket } from 'node:net';

const [role = '', ...args] = process.argv.slice(2);
/** The stream is this again and again; its length divides no buffer's. */
const block = Buffer.from(Array.from({ length: 65_521 }, (_, n) => (n * n * 31 + (n >> 3)) & 255));
const twice = Buffer.concat([block, block]);

if (role === 'server') {
  createServer((socket) => socket.on('error', () => undefined).pipe(socket)).listen(
    Number(args[0]),
    () => process.stdout.write('ready\n'),
  );
} else {
  const [address = '', port = '', rate = ''] = args;
  send(connect({ host: address, port: Number(port) }), Number(rate) * 1024);
}

function send(socket: Socket, bytesPerSecond: number): void {
  let sent = 0;
  let checked = 0;
  let wrong = 0;
  const stepMs = 10;
  const size = Math.min(block.length, Math.round((bytesPerSecond * stepMs) / 1000));
  let timer: NodeJS.Timeout | undefined;
  const end = (error: string): void => {
    clearInterval(timer);
    process.stdout.write(`${JSON.stringify({ sent, checked, wrong, error })}\n`, () =>
      process.exit(),
    );
  };
  socket.on('connect', () => {
    process.stdout.write('ready\n');
    timer = setInterval(() => {
      if (socket.writableNeedDrain) return;
      const at = sent % block.length;
      socket.write(twice.subarray(at, at + size));
      sent += size;
    }, stepMs);
  });
  socket.on('data', (data: Buffer) => {
    for (let from = 0; from < data.length;) {
      const at = checked % block.length;
      const part = data.subarray(from, from + block.length - at);
      if (!part.equals(block.subarray(at, at + part.length))) wrong += part.length;
      from += part.length;
      checked += part.length;
    }
  });
  socket.on('error', (reason) => end(reason.message));
  socket.on('end', () => end(''));
  process.stdin.on('end', () => {
    clearInterval(timer);
    socket.end();
  });
  process.stdin.resume();
}
