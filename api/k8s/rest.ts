// SPDX-License-Identifier: Apache-2.0
/** One HTTP request to the API server: its answer as text or line by line, and who is to blame where there is none. */
import { request as plain, type IncomingMessage } from 'node:http';
import { request as secure } from 'node:https';
import { abortReason } from '../chain/clock.js';
import { isAbort } from '../errors/to-status.js';
import { UnreachableError } from '../errors/unreachable-error.js';
import { WireError } from '../errors/wire-error.js';
import { version } from '../version.js';
import type { Access } from './access.js';

/** A request. */
export interface Wish {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With the query. */
  readonly path: string;
  readonly body?: { readonly type: string; readonly text: string } | undefined;
  /** Until the answer is complete; of a stream, until it begins. In milliseconds. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** An answer whose body has not been read. */
export interface Answer {
  readonly code: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: IncomingMessage;
}

/** Send it; resolves with the answer's head. Rejects with `UnreachableError`, or the signal's reason. */
export async function send(access: Access, wish: Wish): Promise<Answer> {
  try {
    return await once(access, wish);
  } catch (reason) {
    // The server had just closed a connection that we took for idle: nothing was done.
    if (!(reason instanceof StaleError) || wish.method === 'POST') throw reason;
    return await once(access, wish);
  }
}

/** All of the body. */
export async function textOf({ body }: Answer): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of body) parts.push(part as Buffer);
  return Buffer.concat(parts).toString('utf8');
}

/** A connection used again had been closed by the server. */
class StaleError extends UnreachableError {}

async function once(access: Access, wish: Wish): Promise<Answer> {
  const { method, path, body, signal, timeoutMs } = wish;
  const { server } = access;
  let options;
  try {
    options = await access.options();
  } catch (reason) {
    throw new UnreachableError(`${server}: no credentials: ${causeOf(reason)}`, { cause: reason });
  }
  if (signal?.aborted) throw abortReason(signal);
  const url = new URL(server + path);
  return await new Promise<Answer>((resolve, reject) => {
    const call = (url.protocol === 'https:' ? secure : plain)(url, {
      ...options,
      method,
      headers: {
        ...options.headers,
        accept: 'application/json',
        'user-agent': `wanwire/${version}`,
        ...(body && {
          'content-type': body.type,
          'content-length': String(Buffer.byteLength(body.text)),
        }),
      },
    });
    const late = setTimeout(() => {
      call.destroy(new Error(`no answer within ${String(timeoutMs / 1_000)} s`));
    }, timeoutMs);
    const stop = (): void => {
      call.destroy(abortReason(signal));
    };
    signal?.addEventListener('abort', stop, { once: true });
    const done = (): void => {
      clearTimeout(late);
      signal?.removeEventListener('abort', stop);
    };
    call.once('close', done);
    call.on('error', (reason) => {
      done();
      reject(failure(reason, wish, server, call.reusedSocket));
    });
    call.once('response', (response) => {
      // A stream lasts as long as it likes.
      if (isWatch(path)) clearTimeout(late);
      resolve({ code: response.statusCode ?? 0, headers: response.headers, body: response });
    });
    call.end(body?.text);
  });
}

function isWatch(path: string): boolean {
  return /[?&]watch=/.test(path);
}

/** Why there was no answer, or no more of it. */
export function failure(
  reason: unknown,
  { method, path, signal }: Wish,
  server: string,
  isReused = false,
): Error {
  if (signal?.aborted) return abortReason(signal);
  if (reason instanceof WireError || isAbort(reason)) return reason;
  const text = `${method} ${path.split('?')[0] ?? ''} at ${server}: ${causeOf(reason)}`;
  const code: unknown = reason instanceof Error && 'code' in reason ? reason.code : undefined;
  const isStale = isReused && (code === 'ECONNRESET' || code === 'EPIPE');
  return isStale
    ? new StaleError(text, { cause: reason })
    : new UnreachableError(text, { cause: reason });
}

/** Several addresses tried give an error without a text. */
function causeOf(reason: unknown): string {
  if (reason instanceof AggregateError) return reason.errors.map(causeOf).join('; ');
  // What follows the first line is a plugin's own talk.
  return (reason instanceof Error ? reason.message : String(reason)).split('\n')[0] ?? '';
}
