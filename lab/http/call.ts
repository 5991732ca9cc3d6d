// SPDX-License-Identifier: Apache-2.0
/** One request of the app, by each protocol, over connections that all its users share. */
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { Agent, request as http1Request, type IncomingMessage } from 'node:http';
import { connect, type ClientHttp2Session } from 'node:http2';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { digestAnswer, mostEchoed, token, type Protocol } from './types.js';

/** What is sent. */
export interface Ask {
  readonly user: string;
  readonly number: number;
  readonly bytes: number;
  readonly signal: AbortSignal;
}

/** Sends a request; rejects unless it was answered with what is right. */
export type Caller = (ask: Ask) => Promise<void>;

/** Something was answered, and it says no or something else than it should. */
export class AnswerError extends Error {}

/** The callers to a target, `address:port`. */
export function callers(target: string): Readonly<Record<Protocol, Caller>> {
  return { http1: http1(target), http2: http2(target), grpc: grpc(target) };
}

function http1(target: string): Caller {
  const [host = '', port = ''] = target.split(':');
  const agent = new Agent({ keepAlive: true, noDelay: true });
  return async ({ user, number, bytes, signal }) => {
    const headers = { user, 'content-length': bytes };
    const options = { agent, host, port, method: 'POST', path: '/', headers, signal };
    const request = http1Request(options);
    request.on('error', () => undefined);
    const answer = once(request, 'response') as Promise<[IncomingMessage]>;
    answer.catch(() => undefined);
    const wanted = await send(request, user, number, bytes);
    const [response] = await answer;
    judge(response.statusCode, await bodyOf(response), wanted);
  };
}

function http2(target: string): Caller {
  let session: ClientHttp2Session | undefined;
  const open = (): ClientHttp2Session => {
    const opened = connect(`http://${target}`);
    const forget = (): void => {
      if (session === opened) session = undefined;
    };
    opened.on('error', forget).on('goaway', forget).on('close', forget);
    return opened;
  };
  return async ({ user, number, bytes, signal }) => {
    session ??= open();
    const headers = { ':method': 'POST', ':path': '/', user, 'content-length': bytes };
    const stream = session.request(headers, { signal, endStream: false });
    stream.on('error', () => undefined);
    let status: number | undefined;
    stream.on('response', (answer) => (status = answer[':status']));
    const body = bodyOf(stream);
    body.catch(() => undefined);
    const wanted = await send(stream, user, number, bytes);
    const said = await body;
    judge(status, said, wanted);
  };
}

function grpc(target: string): Caller {
  const client = new Client(`ipv4:${target}`, credentials.createInsecure(), {
    'grpc.enable_retries': 0,
  });
  const same = (bytes: Buffer): Buffer => bytes;
  return async ({ user, number, bytes, signal }) => {
    const metadata = new Metadata();
    metadata.set('user', user);
    const message = bodyText(user, number, bytes);
    await new Promise<void>((resolve, reject) => {
      const path = '/wanwire.lab.Echo/Echo';
      const settle = (error: ServiceError | null, answer?: Buffer): void => {
        if (error !== null) reject(error);
        else if (answer?.equals(message) === true) resolve();
        else reject(new AnswerError('another answer'));
      };
      const call = client.makeUnaryRequest(path, same, same, message, metadata, settle);
      signal.addEventListener('abort', () => call.cancel(), { once: true });
    });
  };
}

function bodyText(user: string, number: number, bytes: number): Buffer {
  return Buffer.from(token(user, number).padEnd(bytes, 'x'));
}

const block = Buffer.alloc(65_536, 'wanwire-');

/** Write a body; resolves to the answer that is right. */
async function send(out: Writable, user: string, number: number, bytes: number): Promise<string> {
  if (bytes <= mostEchoed) {
    const body = bodyText(user, number, bytes);
    out.end(body);
    return body.toString();
  }
  const own = token(user, number);
  const hash = createHash('sha256');
  const parts = function* (): Generator<Buffer> {
    yield Buffer.from(own);
    for (let left = bytes - own.length; left > 0; left -= block.length) {
      yield block.subarray(0, left);
    }
  };
  const hashed = function* (): Generator<Buffer> {
    for (const part of parts()) {
      hash.update(part);
      yield part;
    }
  };
  await pipeline(hashed, out);
  return digestAnswer(own, bytes, hash.digest('hex'));
}

async function bodyOf(stream: AsyncIterable<Buffer>): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts).toString();
}

function judge(status: number | undefined, body: string, wanted: string): void {
  if (status !== 200) throw new AnswerError(String(status ?? 'no status'));
  if (body !== wanted) throw new AnswerError('another answer');
}
