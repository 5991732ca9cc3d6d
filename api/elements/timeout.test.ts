// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { status } from '@grpc/grpc-js';
import { compose } from '../chain/compose.js';
import { toTimestamp } from '../chain/connection.js';
import { WireError } from '../errors/wire-error.js';
import { recording, testCall, testRequest } from '../../test/doubles/elements.js';
import { ManualClock } from '../../test/doubles/manual-clock.js';
import { begin } from './begin.js';
import { leaseKey } from './held.js';
import { timeout, type TimeoutOptions } from './timeout.js';

function scene(options: TimeoutOptions = {}) {
  const clock = new ManualClock();
  const seen = recording();
  const fail: { error?: Error } = {};
  const told: { lost?: (how: 'gone' | 'missing') => void } = {};
  const chain = compose(begin(), timeout(options), seen, {
    kind: 'step',
    name: 'end',
    request: (call, request, next) => {
      told.lost = (how) => call.state.get(leaseKey)?.lost(how);
      return fail.error ? Promise.reject(fail.error) : next(call, request);
    },
    close: () => (fail.error ? Promise.reject(fail.error) : Promise.resolve()),
  });
  const wish = (lifetimeMs: number) =>
    testRequest({
      id: 'c',
      path: {
        index: 1,
        pathSegments: [{ expires: toTimestamp(clock.now() + lifetimeMs) }, { id: 'c' }],
      },
    });
  const request = (lifetimeMs: number) => chain.request(testCall({ clock }), wish(lifetimeMs));
  return { clock, seen, chain, wish, request, fail, told };
}

t.test('closes at the expiry less the time the Request had left', async (t) => {
  const { clock, seen, request } = scene();
  await request(60_000);
  await clock.advance(44_999);
  t.equal(seen.closes.length, 0);
  await clock.advance(1);
  t.equal(seen.closes.length, 1);
  t.equal(clock.timers, 0);
});

t.test('a token that is shorter than the deadline leaves half of its life', async (t) => {
  const { clock, seen, request } = scene();
  await request(10_000);
  await clock.advance(4_999);
  t.equal(seen.closes.length, 0);
  await clock.advance(1);
  t.equal(seen.closes.length, 1);
});

t.test('a refresh moves it, a failed refresh does not, a Close ends it', async (t) => {
  const { clock, seen, chain, wish, request, fail } = scene();
  await request(60_000);
  await clock.advance(30_000);
  await request(60_000);
  await clock.advance(44_999);
  t.equal(seen.closes.length, 0);
  fail.error = new WireError(status.UNAVAILABLE, 'gone');
  await t.rejects(request(60_000), { code: 14 });
  delete fail.error;
  t.equal(clock.timers, 1);
  await chain.close(testCall({ clock }), wish(0).connection);
  t.equal(clock.timers, 0);
});

t.test(
  'after a failed refresh it falls due as before, and a failing Close ends it too',
  async (t) => {
    const { clock, seen, request, fail } = scene();
    await request(60_000);
    await clock.advance(44_999);
    fail.error = new WireError(status.UNAVAILABLE, 'gone');
    await t.rejects(request(60_000), { code: 14 });
    await clock.advance(1);
    t.equal(seen.closes.length, 1);
    await t.rejects(request(60_000), { code: 14 });
    t.equal(clock.timers, 0, 'a failed first Request sets none');
  },
);

t.test('whose wire is gone has a while to ask again', async (t) => {
  const { clock, seen, request, told } = scene({ goneMs: 30_000 });
  await request(600_000);
  told.lost?.('missing');
  await clock.advance(60_000);
  t.equal(seen.closes.length, 0, 'one that the next hop has forgotten it may take up again');
  told.lost?.('gone');
  await clock.advance(20_000);
  await request(600_000);
  await clock.advance(60_000);
  t.equal(seen.closes.length, 0, 'asked again');
  told.lost?.('gone');
  await clock.advance(29_999);
  t.equal(seen.closes.length, 0);
  await clock.advance(1);
  t.equal(seen.closes.length, 1);
  t.equal(clock.timers, 0);
});

t.test('nor longer than its token, nor where nothing is said of it', async (t) => {
  for (const [goneMs, lifetimeMs, untilMs] of [
    [30_000, 40_000, 25_000],
    [undefined, 600_000, 585_000],
  ] as const) {
    const { clock, seen, request, told } = scene(goneMs === undefined ? {} : { goneMs });
    await request(lifetimeMs);
    told.lost?.('gone');
    await clock.advance(untilMs - 1);
    t.equal(seen.closes.length, 0);
    await clock.advance(1);
    t.equal(seen.closes.length, 1);
  }
});

t.test('no expiry, no caller', async (t) => {
  const { clock, chain } = scene();
  const none = testRequest({ id: 'c', path: { index: 1, pathSegments: [{}, { id: 'c' }] } });
  await t.rejects(chain.request(testCall({ clock }), none), { code: 3, message: /expires/ });
  const first = testRequest({ id: 'c', path: { index: 0, pathSegments: [{ id: 'c' }] } });
  await chain.request(testCall({ clock }), first);
  t.equal(clock.timers, 0);
});
