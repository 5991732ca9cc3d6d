// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { status } from '@grpc/grpc-js';
import { pino } from 'pino';
import { CloseError } from '../errors/close-error.js';
import { WireError } from '../errors/wire-error.js';
import { Connection } from '../gen/connection.js';
import { testCall, testRequest } from '../../test/doubles/elements.js';
import { compose } from './compose.js';
import type { Chain, Guard, Step } from './element.js';

const conn = Connection.fromPartial({ id: 'c' });

function scene() {
  const log: string[] = [];
  const step = (name: string, closing?: Error): Step => ({
    kind: 'step',
    name,
    async request(call, request, next) {
      log.push(`${name} in`);
      const answer = await next(call, request);
      log.push(`${name} out`);
      return { ...answer, payload: answer.payload + name };
    },
    close() {
      log.push(`${name} close`);
      return closing ? Promise.reject(closing) : Promise.resolve();
    },
  });
  const guard = (name: string, pass: boolean): Guard => ({
    kind: 'guard',
    name,
    request: (call, request, next) => next(call, request),
    async close(call, connection, next) {
      log.push(`${name} close`);
      if (pass) await next(call, { ...connection, id: `${connection.id}'` });
    },
  });
  return { log, step, guard };
}

t.test('a Request goes down in reading order, its answer comes back', async (t) => {
  const { log, step } = scene();
  const chain = compose(step('a'), step('b'));
  t.equal((await chain.request(testCall(), testRequest(conn))).payload, 'ba');
  t.same(log, ['a in', 'b in', 'b out', 'a out']);
  t.same(await compose().request(testCall(), testRequest(conn)), conn, 'an empty chain answers');
});

t.test('a Close goes down in the same order, past every Step that failed', async (t) => {
  const { log, step } = scene();
  const chain = compose(
    step('a', new WireError(status.UNAVAILABLE, 'gone')),
    step('b'),
    step('c', new WireError(status.UNAVAILABLE, 'gone too')),
    {
      ...step('d'),
      close: () => {
        throw new TypeError('at once');
      },
    },
    step('e'),
  );
  const failure = await chain.close(testCall(), conn).then(
    () => t.fail('no failure'),
    (reason: unknown) => reason,
  );
  t.same(log, ['a close', 'b close', 'c close', 'e close']);
  t.type(failure, CloseError);
  t.match(failure, {
    code: status.INTERNAL,
    message: 'close c: gone; gone too; at once',
    errors: [{ message: 'gone' }, { message: 'gone too' }, { message: 'at once' }],
  });
  await compose(step('x')).close(testCall(), conn);
});

t.test('only a Guard may stop a Close, or change it', async (t) => {
  const { log, step, guard } = scene();
  await compose(step('a'), guard('no', false), step('b')).close(testCall(), conn);
  t.same(log.splice(0), ['a close', 'no close']);
  const late: Step = {
    ...step('late'),
    close: (_call, connection) => Promise.resolve(void log.push(connection.id)),
  };
  await compose(guard('yes', true), late).close(testCall(), conn);
  t.same(log, ['yes close', "c'"]);
});

t.test('an element is told of the rest of its chain, once', async (t) => {
  const { log, step } = scene();
  let rest: Chain | undefined;
  const told: Step = {
    ...step('a'),
    composed(chain) {
      t.equal(rest, undefined);
      rest = chain;
    },
  };
  compose(told, step('b'));
  await rest?.close(testCall(), conn);
  await rest?.request(testCall(), testRequest(conn));
  t.same(log, ['b close', 'b in', 'b out']);
});

t.test('at debug each entry, answer and failure is logged with its element', async (t) => {
  const lines: Record<string, unknown>[] = [];
  const log = pino(
    { level: 'debug' },
    { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) },
  );
  const { step } = scene();
  const bad: Step = { ...step('bad'), request: () => Promise.reject(new Error('no')) };
  const chain = compose(step('a'), bad);
  await t.rejects(chain.request(testCall({ log }), testRequest(conn)), /no/);
  await compose(step('b')).request(testCall({ log }), testRequest(conn));
  t.match(
    lines.map(({ element, msg }) => `${String(element)} ${String(msg)}`),
    [
      'a element entered',
      'bad element entered',
      'bad element failed',
      'a element failed',
      'b element entered',
      'b element answered',
    ],
  );
});
