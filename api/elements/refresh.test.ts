// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { status } from '@grpc/grpc-js';
import { compose } from '../chain/compose.js';
import { toTimestamp } from '../chain/connection.js';
import { WireError } from '../errors/wire-error.js';
import { Connection } from '../gen/connection.js';
import { answering, recording, testCall, testRequest } from '../../test/doubles/elements.js';
import { ManualClock } from '../../test/doubles/manual-clock.js';
import { begin } from './begin.js';
import { refresh, refreshAfter } from './refresh.js';

const conn = (index: number, ...expires: (number | undefined)[]): Connection =>
  Connection.fromPartial({
    path: {
      index,
      pathSegments: expires.map((ms) => (ms === undefined ? {} : { expires: toTimestamp(ms) })),
    },
  });

t.test('when: by the first token to expire, hops nearer to the client earlier', async (t) => {
  t.equal(refreshAfter(conn(0, 601_000, 2_000_000), 1_000), 120_000);
  t.equal(refreshAfter(conn(1, 2_000_000, undefined, 601_000, 900_000), 1_000), 150_000);
  t.equal(refreshAfter(conn(0, 301_000), 1_000), 100_000);
  t.equal(refreshAfter(conn(0, undefined, undefined), 1_000), undefined);
  t.equal(refreshAfter(Connection.fromPartial({}), 1_000), undefined);
});

function scene(lifetimeMs = 600_000) {
  const clock = new ManualClock();
  const seen = recording();
  const broken = { yes: false };
  const chain = compose(
    begin(),
    refresh(),
    seen,
    answering((connection) => {
      if (broken.yes) throw new WireError(status.UNAVAILABLE, 'gone');
      const expires = toTimestamp(clock.now() + lifetimeMs);
      return { ...connection, ...path(expires) };
    }),
  );
  return { clock, seen, chain, broken, request: testRequest({ id: 'c' }) };
}

function path(expires: ReturnType<typeof toTimestamp>): Partial<Connection> {
  const { path } = Connection.fromPartial({
    path: { index: 0, pathSegments: [{ expires }, { expires }] },
  });
  return { path };
}

t.test('again and again, until the Close', async (t) => {
  const { clock, seen, chain, request } = scene();
  await chain.request(testCall({ clock }), request);
  await clock.advance(119_999);
  t.equal(seen.requests.length, 1);
  await clock.advance(1);
  t.equal(seen.requests.length, 2);
  await clock.advance(120_000);
  t.equal(seen.requests.length, 3);
  await chain.close(testCall({ clock }), request.connection);
  t.equal(clock.timers, 0);
});

t.test('a failed one is repeated, more and more seldom', async (t) => {
  const { clock, seen, chain, broken, request } = scene();
  await chain.request(testCall({ clock }), request);
  broken.yes = true;
  const startMs = clock.now() + 120_000;
  await clock.advance(120_000);
  for (const [at, laterMs] of [200, 600, 1_400, 3_000, 6_200, 11_200, 16_200].entries()) {
    await clock.advance(startMs + laterMs - 1 - clock.now());
    t.equal(seen.requests.length, 2 + at, `not before ${String(laterMs)} ms`);
    await clock.advance(1);
    t.equal(seen.requests.length, 3 + at);
  }
  broken.yes = false;
  await clock.advance(5_000);
  t.equal(seen.requests.length, 10);
  await clock.advance(119_999);
  t.equal(seen.requests.length, 10, 'and then as ever');
  broken.yes = true;
  await clock.advance(1 + 200);
  t.equal(seen.requests.length, 12, 'from the beginning');
  await chain.close(testCall({ clock }), request.connection);
  t.equal(clock.timers, 0);
});

t.test('where tokens are short, failures are too', async (t) => {
  const { clock, seen, chain, broken, request } = scene(6_000);
  await chain.request(testCall({ clock }), request);
  broken.yes = true;
  await clock.advance(1_200 + 1_000);
  t.equal(seen.requests.length, 7);
  await chain.close(testCall({ clock }), request.connection);
});

t.test('tokens that are over already do not make it spin', async (t) => {
  const { clock, seen, chain, request } = scene(-1);
  await chain.request(testCall({ clock }), request);
  await clock.advance(1_000);
  t.equal(seen.requests.length, 6);
});

t.test('no token, no refresh; a Close during one ends it', async (t) => {
  const clock = new ManualClock();
  const bare = compose(begin(), refresh());
  await bare.request(testCall({ clock }), testRequest({ id: 'c' }));
  t.equal(clock.timers, 0);

  const { clock: turned, chain, broken, request, seen } = scene();
  await chain.request(testCall({ clock: turned }), request);
  broken.yes = true;
  const refreshing = turned.advance(120_000);
  await chain.close(testCall({ clock: turned }), request.connection);
  await refreshing;
  await turned.advance(1_000);
  t.equal(turned.timers, 0);
  t.equal(seen.closes.length, 1);
});
