// SPDX-License-Identifier: Apache-2.0
/**
 * HTTPS for the API server: `POST /mutate`, `POST /validate`, `GET /ready`. A certificate that
 * follows another is shown from the next handshake on; connections stay.
 */
import type { AddressInfo } from 'node:net';
import type { Server } from 'node:https';
import { fastify, type FastifyInstance } from 'fastify';
import type { Logger } from '../api/log/log.js';
import type { Serving } from './certificates/follower.js';
import { answer, requestIn, type Request, type Verdict } from './review.js';

/** What it serves. */
export interface ServeOptions {
  /** `tcp://host:port`. */
  readonly url: string;
  readonly serving: Serving;
  readonly mutate: (request: Request) => Promise<Verdict>;
  readonly validate: (request: Request) => Promise<Verdict> | Verdict;
  /** Why it is not ready; nothing where it is. */
  readonly trouble: () => string | undefined;
  readonly log: Logger;
}

/** A server that listens. */
export interface Served {
  /** With the port that was taken. */
  readonly url: string;
  /** Show another certificate. */
  show(serving: Serving): void;
  /** Answers what was asked, then closes. */
  close(): Promise<void>;
}

/** Two objects of at most 3 MiB each, as the API server takes them. */
const longestBody = 8 * 2 ** 20;
/** Longer than the API server keeps an idle connection (90 s), so that it is never the one that hears of an end. */
const keepAliveMs = 120_000;
/** What an answer that is being made gets at the end, in milliseconds. */
const graceMs = 2_000;

/** Listen. */
export async function serve(options: ServeOptions): Promise<Served> {
  const { url, serving, log } = options;
  const [, host = '', port = ''] = /^tcp:\/\/(.*):(\d+)$/.exec(url) ?? [];
  const server = fastify({
    bodyLimit: longestBody,
    keepAliveTimeout: keepAliveMs,
    forceCloseConnections: 'idle',
    https: { ...tls(serving), minVersion: 'TLSv1.2' },
  });
  addRoutes(server, options);
  await listen(server, Number(port), host.replace(/^\[|\]$/g, ''));
  const taken = (server.server.address() as AddressInfo).port;
  log.info({ url, port: taken }, 'listening');
  return {
    url: `https://${host === '' ? 'localhost' : host}:${String(taken)}`,
    show: (next) => {
      server.server.setSecureContext({ ...tls(next), minVersion: 'TLSv1.2' });
      log.info({ until: new Date(next.endMs).toISOString() }, 'certificate changed');
    },
    close: async () => {
      const late = setTimeout(() => server.server.closeAllConnections(), graceMs);
      await server.close();
      clearTimeout(late);
    },
  };
}

/** Without a host: on all addresses, also of a node without IPv6. */
async function listen(server: FastifyInstance<Server>, port: number, host: string): Promise<void> {
  try {
    await server.listen({ port, host: host === '' ? '::' : host });
  } catch (reason) {
    const { code } = reason as NodeJS.ErrnoException;
    if (host !== '' || (code !== 'EAFNOSUPPORT' && code !== 'EADDRNOTAVAIL')) throw reason;
    await server.listen({ port, host: '0.0.0.0' });
  }
}

function tls({ cert, key }: Serving) {
  return { cert, key };
}

function addRoutes(server: FastifyInstance<Server>, options: ServeOptions): void {
  const { log } = options;
  const route = (path: string, judge: (request: Request) => Promise<Verdict> | Verdict): void => {
    server.post(path, async ({ body }, reply) => {
      let request: Request;
      try {
        request = requestIn(body);
      } catch (reason) {
        const message = reason instanceof Error ? reason.message : String(reason);
        return reply.code(400).send({ error: { message } });
      }
      const verdict = await judge(request);
      note(log, path, request, verdict);
      return answer(request.uid, verdict);
    });
  };
  route('/mutate', options.mutate);
  route('/validate', options.validate);
  server.get('/ready', (_request, reply) => {
    const trouble = options.trouble();
    return trouble === undefined
      ? reply.send({ ready: true })
      : reply.code(503).send({ ready: false, reason: trouble });
  });
  server.setErrorHandler((reason, { method, url }, reply) => {
    const code = (reason as { readonly statusCode?: number }).statusCode ?? 500;
    if (code >= 500) log.error({ err: reason, method, url }, 'a review is not answered');
    // What a bug says is nobody's business outside.
    const message = code >= 500 ? 'internal error' : (reason as Error).message;
    return reply.code(code).send({ error: { message } });
  });
  server.setNotFoundHandler(({ method, url }, reply) =>
    reply.code(404).send({ error: { message: `${method} ${url} is not known here` } }),
  );
}

function note(log: Logger, path: string, request: Request, verdict: Verdict): void {
  const { kind, operation, namespace } = request;
  const fields = { path, kind: kind.kind, operation, namespace, name: nameOf(request) };
  if (verdict.refusal !== undefined) log.info({ ...fields, reason: verdict.refusal }, 'refused');
  else if ((verdict.patch ?? []).length > 0) log.info(fields, 'injected');
  else log.debug(fields, 'let pass');
}

function nameOf({ name, object }: Request): string {
  if (name !== '') return name;
  const metadata = (object as { readonly metadata?: { readonly generateName?: string } } | null)
    ?.metadata;
  return metadata?.generateName ?? '';
}
