// SPDX-License-Identifier: Apache-2.0
/**
 * Binding one listen URL.
 *
 * A unix socket file that nobody listens on any more (a process was killed) is
 * removed first; one that answers, or that is no socket, is left alone and
 * refused. Directories above it are made. The file goes when the server closes.
 */
import { chmod, lstat, mkdir, unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { ServerCredentials, status, type Server } from '@grpc/grpc-js';
import { WireError } from '../errors/wire-error.js';
import { grpcTarget, type Address } from './address.js';

/** Bind to `address` by `listen`, which resolves to the port it got; resolves to the URL with that port. */
export async function bind(
  address: Address,
  socketMode: number,
  listen: () => Promise<number>,
): Promise<string> {
  if (address.kind === 'unix') await clear(address.path);
  const port = await listen();
  if (address.kind === 'tcp') {
    return address.port === 0 ? address.url.replace(/:0$/, `:${String(port)}`) : address.url;
  }
  await chmod(address.path, socketMode);
  return address.url;
}

/** Let `server` listen in plaintext. */
export function listenPlain(server: Server, address: Address): Promise<number> {
  return new Promise<number>((resolve, reject) => {
    server.bindAsync(grpcTarget(address), ServerCredentials.createInsecure(), (cause, port) => {
      if (cause === null) resolve(port);
      else {
        const text = `cannot listen on ${address.url}: ${cause.message}`;
        reject(new WireError(status.UNAVAILABLE, text, { cause }));
      }
    });
  });
}

/** Make way for a unix socket at `path`; ALREADY_EXISTS where that would take something from somebody. */
export async function clear(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const found = await lstat(path).catch(absent);
  if (found === undefined) return;
  if (!found.isSocket()) {
    throw new WireError(status.ALREADY_EXISTS, `${path} exists and is not a socket`);
  }
  if (await answers(path)) {
    throw new WireError(status.ALREADY_EXISTS, `another process listens on ${path}`);
  }
  await unlink(path).catch(absent);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (reason: NodeJS.ErrnoException) => {
      resolve(reason.code !== 'ECONNREFUSED' && reason.code !== 'ENOENT');
    });
  });
}

function absent(reason: unknown): undefined {
  if (reason instanceof Error && 'code' in reason && reason.code === 'ENOENT') return undefined;
  throw reason;
}
