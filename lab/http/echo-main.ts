// SPDX-License-Identifier: Apache-2.0
/**
 * The service of the lab, as a program: answers each request with its own body, over HTTP/1.1, HTTP/2
 * without TLS and gRPC, all on one port. Argument: the port. Prints a line once it listens.
 */
import { createHash } from 'node:crypto';
import { createServer as http1Server, type IncomingMessage } from 'node:http';
import { createServer as http2Server, type ServerHttp2Stream } from 'node:http2';
import { createServer, type Socket } from 'node:net';
import { digestAnswer, mostEchoed } from './types.js';

const [port = ''] = process.argv.slice(2);

const plain = http1Server((request, response) => {
  answerTo(request).then(
    (body) => response.writeHead(200, { 'content-length': body.length }).end(body),
    () => response.destroy(),
  );
});
// Envoy keeps its connections: one that closed here while idle would look like a reset there.
plain.keepAliveTimeout = 0;
plain.requestTimeout = 0;
plain.headersTimeout = 0;

const multiplexed = http2Server();
multiplexed.on('stream', (stream, headers) => {
  stream.on('error', () => undefined);
  const isGrpc = headers['content-type']?.startsWith('application/grpc') === true;
  answerTo(stream)
    .then((body) => {
      // Who asked may be gone.
      if (stream.destroyed) return;
      if (isGrpc) grpc(stream, body);
      else {
        stream.respond({ ':status': 200 });
        stream.end(body);
      }
    })
    .catch(() => stream.destroy());
});

/** A gRPC message is its length and its bytes; what came is what goes back. */
function grpc(stream: ServerHttp2Stream, message: Buffer): void {
  const headers = { ':status': 200, 'content-type': 'application/grpc+proto' };
  stream.respond(headers, { waitForTrailers: true });
  stream.on('wantTrailers', () => {
    if (!stream.destroyed) stream.sendTrailers({ 'grpc-status': '0' });
  });
  stream.end(message);
}

async function answerTo(request: IncomingMessage | ServerHttp2Stream): Promise<Buffer> {
  const hash = createHash('sha256');
  const first: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    hash.update(part);
    if (bytes < mostEchoed) first.push(part);
    bytes += part.length;
  }
  const body = Buffer.concat(first);
  if (bytes <= mostEchoed) return body;
  const ownToken = body.subarray(0, body.indexOf(';') + 1).toString('latin1');
  return Buffer.from(digestAnswer(ownToken, bytes, hash.digest('hex')));
}

/** HTTP/2 begins with `PRI * HTTP/2.0`; no method of HTTP/1.1 begins so. */
function receive(socket: Socket): void {
  socket.setNoDelay(true);
  socket.on('error', () => undefined);
  const look = (): void => {
    const head = socket.read(3) as Buffer | null;
    if (head === null) return;
    socket.off('readable', look);
    socket.unshift(head);
    (head.toString('latin1') === 'PRI' ? multiplexed : plain).emit('connection', socket);
  };
  socket.on('readable', look);
}

createServer(receive).listen(Number(port), () => process.stdout.write('ready\n'));
