// SPDX-License-Identifier: Apache-2.0
/**
 * The operator's socket: HTTP and JSON on a unix socket that only the
 * forwarder's own user can reach. Bodies are checked before anything is asked
 * of the operator, and a client that is slow, silent or wrong harms nobody.
 *
 * Leaves: nothing; a file that a killed process left is replaced at the start.
 */
import { STATUS_CODES, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { status } from '@grpc/grpc-js';
import { fastify, type FastifyInstance } from 'fastify';
import { WireError } from '../../api/errors/wire-error.js';
import { clear } from '../../api/grpc/listen.js';
import { systemClock, type Clock } from '../../api/chain/clock.js';
import type { Logger } from '../../api/log/log.js';
import { refusalOf, type ErrorBody } from './answers.js';
import { ChangeStreams } from './change-streams.js';
import { EventStreams } from './event-streams.js';
import type { Operator } from './operator.js';
import { QualityStreams } from './quality-streams.js';
import { addRoutes } from './routes.js';

/** What {@link serveOperator} works with. */
export interface OperatorOptions {
  readonly operator: Operator;
  /** Of the socket. Folders above it are made. */
  readonly path: string;
  readonly log: Logger;
  /** The machine's where none is given. */
  readonly clock?: Clock;
  /** How long a client may take to send a request, in milliseconds. */
  readonly patienceMs?: number;
}

/** A socket that is answered. */
export interface OperatorSocket {
  /** What is being answered is answered; what hangs is cut off. Removes the file. */
  close(): Promise<void>;
}

/** A thousand rules are a quarter of it. */
const longestBody = 4 * 2 ** 20;
const mostClients = 64;
const defaultPatienceMs = 5_000;
/** What an answer that is being made gets at the end, in milliseconds. */
const graceMs = 1_000;

/** Listen; ALREADY_EXISTS where another process does. */
export async function serveOperator(options: OperatorOptions): Promise<OperatorSocket> {
  const { operator, path, log, patienceMs = defaultPatienceMs } = options;
  await clear(path);
  const server = serverOf(patienceMs);
  server.server.maxConnections = mostClients;
  server.addContentTypeParser(
    ['application/yaml', 'text/yaml', 'text/plain'],
    { parseAs: 'string' },
    (_request, body, done) => done(null, body),
  );
  server.setErrorHandler((reason, request, reply) => {
    const { code, body } = refusalOf(reason);
    const { method, url } = request;
    if (code >= 500) log.error({ err: reason, method, url }, 'operator is not answered');
    else log.info({ method, url, code, reason: body.error.message }, 'operator is refused');
    return reply.code(code).send(body);
  });
  server.setNotFoundHandler(({ method, url }, reply) => {
    const body: ErrorBody = { error: { message: `${method} ${url} is not known here` } };
    return reply.code(404).send(body);
  });
  const { clock = systemClock } = options;
  const streams = {
    sessions: new EventStreams({ operator, clock }),
    quality: new QualityStreams(operator),
    changes: new ChangeStreams(operator, clock),
  };
  addRoutes(server, operator, streams, log);
  await server.ready();
  await listen(server.server, path);
  log.info({ path }, 'operator socket');
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    for (const one of Object.values(streams)) one.close();
    await closed(server.server);
    await server.close();
  };
  return { close: () => (closing ??= close()) };
}

function serverOf(patienceMs: number): FastifyInstance {
  return fastify({
    bodyLimit: longestBody,
    // Of a strand: a link's name, a site's and the peer's link's.
    routerOptions: { maxParamLength: 512 },
    requestTimeout: patienceMs,
    keepAliveTimeout: patienceMs,
    http: { headersTimeout: patienceMs, connectionsCheckingInterval: Math.min(patienceMs, 500) },
    clientErrorHandler: (reason: Error & { code?: string }, socket) => {
      answerRubbish(reason, socket);
    },
    frameworkErrors: (reason, _request, reply) => {
      const { code, body } = refusalOf(reason);
      void (reply as { code(code: number): { send(body: ErrorBody): unknown } })
        .code(code)
        .send(body);
    },
  });
}

/** Node binds within the call: nobody else's file gets this mode, and nobody gets in before it has it. */
function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuse = (cause: Error): void => {
      const text = `cannot listen on ${path}: ${cause.message}`;
      reject(new WireError(status.UNAVAILABLE, text, { cause }));
    };
    server.once('error', refuse);
    const mask = process.umask(0o177);
    try {
      server.listen(path, () => {
        server.off('error', refuse);
        resolve();
      });
    } finally {
      process.umask(mask);
    }
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const late = setTimeout(() => server.closeAllConnections(), graceMs);
    server.close(() => {
      clearTimeout(late);
      resolve();
    });
    server.closeIdleConnections();
  });
}

/** What is no HTTP never reaches a route. */
function answerRubbish(reason: Error & { code?: string }, socket: Socket): void {
  if (socket.destroyed || !socket.writable || reason.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const code = reason.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400;
  const message = code === 408 ? 'the request did not come in time' : 'this is no HTTP request';
  const body = JSON.stringify({ error: { message } } satisfies ErrorBody);
  const head = `HTTP/1.1 ${String(code)} ${STATUS_CODES[code] ?? ''}\r\nConnection: close\r\n`;
  const type = `Content-Type: application/json\r\nContent-Length: ${String(body.length)}\r\n`;
  socket.end(`${head}${type}\r\n${body}`);
  socket.destroySoon();
}
