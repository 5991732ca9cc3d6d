// SPDX-License-Identifier: Apache-2.0
/** Asks a running forwarder, over its operator's socket. */
import { request } from 'node:http';
import { status } from '@grpc/grpc-js';
import { z } from 'zod';
import { WireError } from '../api/errors/wire-error.js';

/** Who is asked. */
export interface ForwarderSocket {
  readonly name: string;
  readonly socket: string;
}

/** What is asked. */
export interface Question {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Parts of it are URI-encoded. */
  readonly path: string;
  /** A text is sent as YAML, anything else as JSON. */
  readonly body?: unknown;
  /** How long the answer may take, in milliseconds. */
  readonly patienceMs?: number;
}

/** A thousand rules for a hundred peers take less. */
const defaultPatienceMs = 30_000;

const codes: Readonly<Record<number, status>> = {
  400: status.INVALID_ARGUMENT,
  404: status.NOT_FOUND,
  409: status.FAILED_PRECONDITION,
  413: status.INVALID_ARGUMENT,
};

const errorBody = z.object({ error: z.object({ message: z.string() }) });

/** The answer as `schema` has it; throws what the forwarder says, or UNAVAILABLE where none answers. */
export async function askOperator<T>(
  node: ForwarderSocket,
  question: Question,
  schema: z.ZodType<T>,
): Promise<T> {
  const { code, text } = await exchange(node, question);
  const body = jsonOf(text);
  if (code >= 200 && code < 300) {
    const { success, data } = schema.safeParse(body);
    if (success) return data;
    throw new WireError(
      status.INTERNAL,
      `forwarder ${node.name} answers as another version of wanwire does: ${text.slice(0, 200)}`,
    );
  }
  throw refusal(code, text);
}

/** The error that an answer's code and body say. */
export function refusal(code: number, text: string): WireError {
  const said = errorBody.safeParse(jsonOf(text)).data?.error.message;
  return new WireError(codes[code] ?? status.INTERNAL, said ?? `HTTP ${String(code)}`);
}

interface Answer {
  readonly code: number;
  readonly text: string;
}

function exchange(
  node: ForwarderSocket,
  { method, path, body, patienceMs = defaultPatienceMs }: Question,
): Promise<Answer> {
  const sent = typeof body === 'string' ? body : body === undefined ? '' : JSON.stringify(body);
  const type = typeof body === 'string' ? 'application/yaml' : 'application/json';
  const headers = {
    // Node frames no body of a DELETE by itself.
    'content-length': Buffer.byteLength(sent),
    ...(body === undefined ? {} : { 'content-type': type }),
  };
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(patienceMs);
    const fail = (reason: Error): void => reject(unanswered(node, reason, patienceMs));
    const asking = request({ socketPath: node.socket, path, method, headers, signal }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (part: string) => (text += part));
      answer.on('error', fail).on('end', () => resolve({ code: answer.statusCode ?? 0, text }));
    });
    asking.on('error', fail).end(sent);
  });
}

/** What it means that there is no answer. */
export function unanswered(
  { name, socket }: ForwarderSocket,
  reason: Error & { code?: string },
  patienceMs: number,
): WireError {
  if (reason.code === 'EACCES' || reason.code === 'EPERM') {
    const text = `${socket}: only root, or whom forwarder ${name} runs as, may ask it (sudo)`;
    return new WireError(status.PERMISSION_DENIED, text, { cause: reason });
  }
  if (reason.name === 'AbortError' || reason.name === 'TimeoutError') {
    const text = `forwarder ${name} has not answered within ${String(patienceMs / 1000)} s at ${socket}`;
    return new WireError(status.UNAVAILABLE, text, { cause: reason });
  }
  const none = reason.code === 'ENOENT' || reason.code === 'ECONNREFUSED';
  const text =
    `forwarder ${name} does not answer at ${socket}` +
    (none ? '' : ` (${reason.message})`) +
    ': status, links and sessions work without it, but this needs it ' +
    '(is `wanwire up` or `wanwire forwarder` running?)';
  return new WireError(status.UNAVAILABLE, text, { cause: reason });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
