// SPDX-License-Identifier: Apache-2.0
/** What the operator's socket answers to. `docs/operating.md` tells the same. */
import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Logger } from '../../api/log/log.js';
import { FieldError, parsed } from './answers.js';
import type { ChangeStreams } from './change-streams.js';
import { policyDocuments } from './documents.js';
import type { EventStreams } from './event-streams.js';
import { parseFlow } from './flow.js';
import type { Operator } from './operator.js';
import type { QualityNews } from './quality-answer.js';
import type { QualityStreams } from './quality-streams.js';

const text = (want: string) => z.string({ error: want }).min(1, { error: want }).max(256);
const pinned = {
  wire: text('the id of a wire, or its beginning'),
  protocol: text('a protocol such as tcp'),
  source: text('an address such as 172.16.0.1:40000'),
  destination: text('an address such as 10.60.0.10:80'),
};

/** A body with these keys and no others. */
function body<S extends z.ZodRawShape>(shape: S) {
  const keys = Object.keys(shape).join(', ');
  return z.strictObject(shape, { error: `an object with ${keys}` });
}

const pinBody = body({ ...pinned, strand: text('the name of a strand') });
const unpinBody = body(pinned);
const unpinAllBody = body({
  all: z.literal(true, { error: 'true' }),
  wire: pinned.wire.optional(),
});
const strandBody = body({ up: z.boolean({ error: 'true or false' }) });

const partLength = 65_536;
const lines = 'application/x-ndjson';

/** What is answered for as long as it is read. */
export interface Streams {
  readonly sessions: EventStreams;
  readonly quality: QualityStreams;
  readonly changes: ChangeStreams;
}

/** Add the routes. */
export function addRoutes(
  server: FastifyInstance,
  operator: Operator,
  streams: Streams,
  log: Logger,
): void {
  server.get('/version', () => operator.about);
  server.get<{ Querystring: { unless?: string } }>('/wires', (request) =>
    operator.wires(request.query.unless),
  );
  policyRoutes(server, operator, log);
  eventRoute(server, streams.sessions, log);
  qualityRoutes(server, operator, streams.quality);
  changeRoutes(server, operator, streams.changes);

  server.post('/pins', async (request) => {
    const { wire, strand, ...flow } = parsed(pinBody, request.body);
    parseFlow(flow);
    await operator.pin(wire, flow, strand);
    log.info({ wire, ...flow, strand }, 'session pinned');
    return {};
  });

  server.delete('/pins', async (request) => {
    const all = typeof request.body === 'object' && request.body !== null && 'all' in request.body;
    if (all) {
      const { wire } = parsed(unpinAllBody, request.body);
      const count = await operator.unpinAll(wire);
      log.info({ wire, count }, 'sessions unpinned');
      return { count };
    }
    const { wire, ...flow } = parsed(unpinBody, request.body);
    parseFlow(flow);
    await operator.unpin(wire, flow);
    log.info({ wire, ...flow }, 'session unpinned');
    return { count: 1 };
  });

  server.post<{ Params: { name: string } }>('/strands/:name', async (request) => {
    const { up } = parsed(strandBody, request.body);
    const { name } = request.params;
    await operator.setStrand(name, up);
    log.info({ strand: name, up }, 'strand set');
    return {};
  });
}

function eventRoute(server: FastifyInstance, streams: EventStreams, log: Logger): void {
  // A HEAD of it would have no end.
  server.get('/sessions/events', { exposeHeadRoute: false }, (_request, reply) => {
    const { raw } = reply;
    const reader = streams.open(raw, () => {
      reply.hijack();
      raw.writeHead(200, { 'content-type': lines, 'cache-control': 'no-store' });
    });
    log.info('sessions are followed');
    reader.then(
      (end) => log.info({ end }, 'sessions are followed no more'),
      (reason: unknown) => {
        log.error({ err: reason }, 'sessions cannot be followed');
        raw.destroy();
      },
    );
  });
}

function changeRoutes(server: FastifyInstance, operator: Operator, streams: ChangeStreams): void {
  server.get('/moves', () => operator.moves());

  server.get('/changes', { exposeHeadRoute: false }, (_request, reply) => {
    const { raw } = reply;
    streams.open(raw, () => {
      reply.hijack();
      raw.writeHead(200, { 'content-type': lines, 'cache-control': 'no-store' });
    });
  });
}

function qualityRoutes(server: FastifyInstance, operator: Operator, streams: QualityStreams): void {
  server.get('/quality', () => operator.quality());

  server.get('/links', () => {
    const told: QualityNews[] = [];
    operator.followLinks((news) => told.push(news))[Symbol.dispose]();
    return told[0];
  });

  server.get('/quality/watch', { exposeHeadRoute: false }, (_request, reply) => {
    const { raw } = reply;
    reply.hijack();
    raw.writeHead(200, { 'content-type': lines, 'cache-control': 'no-store' });
    streams.open(raw);
  });

  server.get<{ Querystring: { since?: string } }>('/quality/events', (request, reply) => {
    const { since = '0' } = request.query;
    if (!/^\d{1,15}$/.test(since)) {
      throw new FieldError(
        'since',
        since,
        'a time in milliseconds since 1970, such as 1766102400000',
      );
    }
    void reply.header('content-type', lines).header('cache-control', 'no-store');
    return reply.send(Readable.from(linesOf(operator.qualityRecords(Number(since)))));
  });
}

/** Many at a time: a stream's turn costs more than a line. */
async function* linesOf(records: AsyncIterable<object>): AsyncGenerator<string> {
  let text = '';
  for await (const record of records) {
    text += `${JSON.stringify(record)}\n`;
    if (text.length < partLength) continue;
    yield text;
    text = '';
  }
  if (text !== '') yield text;
}

function policyRoutes(server: FastifyInstance, operator: Operator, log: Logger): void {
  server.get('/policies', () => ({ policies: operator.policies() }));

  server.get('/steered', () => operator.steered());

  server.post<{ Querystring: { file?: string } }>('/policies', async (request) => {
    if (typeof request.body !== 'string') {
      throw new FieldError('body', request.body, 'YAML documents of kind SteeringPolicy');
    }
    const documents = policyDocuments(request.body, request.query.file ?? 'body');
    const inForce = await operator.applyPolicies(documents);
    const names = documents.map(({ policy }) => policy.name);
    log.info({ policies: names, ...inForce }, 'policies applied');
    return { policies: names, ...inForce };
  });

  server.delete<{ Params: { name: string } }>('/policies/:name', async (request) => {
    const { name } = request.params;
    const inForce = await operator.removePolicy(name);
    log.info({ policy: name, ...inForce }, 'applied policy removed');
    return inForce;
  });
}
