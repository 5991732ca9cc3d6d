// SPDX-License-Identifier: Apache-2.0
/**
 * Answers whoever looks after the process whether it is ready: each connection to a unix socket
 * gets one line, `ok NAME` or `not ready: WHY`, and is closed. What is sent is not read. Cheap, so
 * that it may be asked each second; a process that is stuck does not answer at all.
 *
 * Leaves: nothing; a file that a killed process left is replaced at the start.
 */
import { createServer, type Server } from 'node:net';
import { status } from '@grpc/grpc-js';
import { WireError } from '../errors/wire-error.js';
import { clear } from '../grpc/listen.js';

/** What {@link answerProbes} works with. */
export interface ProbeOptions {
  /** Of the socket: `unix:///path`. Folders above it are made. */
  readonly url: string;
  /** Of the process. */
  readonly name: string;
  /** Why it is not ready; nothing where it is. */
  readonly trouble: () => string | undefined;
}

/** Who asks is a probe, of which there is one at a time; more are a mistake. */
const mostClients = 64;
/** Who does not read its line is cut off, in milliseconds. */
const patienceMs = 5_000;

/** Listen until disposed; UNAVAILABLE where that is not possible, ALREADY_EXISTS where another process does. */
export async function answerProbes(options: ProbeOptions): Promise<Disposable> {
  const { url, name, trouble } = options;
  const path = url.slice('unix://'.length);
  await clear(path);
  const server = createServer((client) => {
    client.on('error', () => client.destroy());
    client.setTimeout(patienceMs, () => client.destroy());
    const why = trouble();
    const line = why === undefined ? `ok ${name}` : `not ready: ${why}`;
    client.end(`${line.replaceAll(/\s+/g, ' ').slice(0, 500)}\n`);
    client.resume();
  });
  server.maxConnections = mostClients;
  await listen(server, path);
  // The process lives for what it does, not for being asked.
  server.unref();
  return { [Symbol.dispose]: () => void server.close() };
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      const text = `cannot listen on ${path}: ${cause.message}`;
      reject(new WireError(status.UNAVAILABLE, text, { cause }));
    });
    server.listen(path, resolve);
  });
}
