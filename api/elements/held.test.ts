// SPDX-License-Identifier: Apache-2.0
/** What a connection of another site does while that site is silent. */
import { status } from '@grpc/grpc-js';
import t from 'tap';
import { compose } from '../chain/compose.js';
import { toTimestamp } from '../chain/connection.js';
import { WireError } from '../errors/wire-error.js';
import { recording, testCall, testRequest } from '../../test/doubles/elements.js';
import { ManualClock } from '../../test/doubles/manual-clock.js';
import { begin } from './begin.js';
import { leaseKey } from './held.js';
import { timeout } from './timeout.js';
import { insecure } from '../identity/security.js';
import { updateToken } from './update-token.js';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

/** A hop with a caller before it (tokens of ten minutes) and an endpoint behind it, whose own `timeout` is real. */
function scene({ refreshes = true, holdMs = 24 * hourMs, ownMs = 10 * minuteMs } = {}) {
  const clock = new ManualClock();
  const wire = { usable: true, trusted: true };
  const fail: { error?: Error } = {};
  const seen = recording();
  const endpoint = compose(begin(), timeout(), seen);
  const first = begin();
  let lose: ((how: 'gone' | 'missing') => void) | undefined;
  const chain = compose(
    first,
    updateToken(insecure('own', ownMs, clock)),
    timeout({
      held: {
        holds: () => true,
        usable: () => wire.usable,
        trusts: () => wire.trusted,
        ...{ holdMs, refreshes },
      },
    }),
    {
      kind: 'step',
      name: 'to the endpoint',
      async request(call, { connection }) {
        lose = (how) => call.state.get(leaseKey)?.lost(how);
        if (fail.error !== undefined) throw fail.error;
        // As `remote` and the endpoint's `updateToken` do.
        const own = {
          ...connection.path?.pathSegments[1],
          expires: toTimestamp(clock.now() + ownMs),
        };
        const path = { index: 1, pathSegments: [own, { id: 'e' }] };
        const leftMs = call.deadlineMs - clock.now();
        const onward = testCall({ clock, deadlineMs: clock.now() + leftMs });
        await endpoint.request(onward, testRequest({ id: 'e', path }));
        return connection;
      },
      close: () => Promise.resolve(),
    },
  );
  const request = () => {
    const expires = toTimestamp(clock.now() + 10 * minuteMs);
    const path = { index: 1, pathSegments: [{ expires }, { id: 'c' }] };
    const token = { token: 't', expiresMs: clock.now() + 10 * minuteMs };
    return chain.request(testCall({ clock, token }), testRequest({ id: 'c', path }));
  };
  return {
    clock,
    wire,
    fail,
    seen,
    first,
    request,
    lost: (how: 'gone' | 'missing') => lose?.(how),
  };
}

t.test('a caller that is away for an hour keeps its wire, and the endpoint stays', async (t) => {
  const { clock, seen, first, request } = scene();
  await request();
  await clock.advance(hourMs);
  t.equal(first.size, 1);
  t.equal(seen.closes.length, 0);
  t.ok(seen.requests.length > 6, 'the endpoint was asked again before each of its times was over');
  await request();
  await clock.advance(hourMs);
  t.equal(first.size, 1);
});

t.test('also where our own tokens are shorter than the caller’s', async (t) => {
  const { clock, seen, request } = scene({ ownMs: 20_000 });
  await request();
  await clock.advance(hourMs);
  t.equal(seen.closes.length, 0);
});

t.test('the hold ends, and nothing is left', async (t) => {
  const { clock, first, request } = scene({ holdMs: hourMs });
  await request();
  await clock.advance(hourMs - 1);
  t.equal(first.size, 1);
  await clock.advance(1);
  t.equal(first.size, 0);
  await clock.advance(hourMs);
  t.equal(clock.timers, 0);
});

t.test('a hold shorter than a token changes nothing', async (t) => {
  const { clock, first, request } = scene({ holdMs: 0, refreshes: false });
  await request();
  await clock.advance(585_000 - 1);
  t.equal(first.size, 1);
  await clock.advance(1);
  t.equal(first.size, 0);
});

t.test('a wire that carries nothing for as long as a token lives is closed', async (t) => {
  const { clock, wire, first, request } = scene();
  await request();
  await clock.advance(30 * minuteMs);
  wire.usable = false;
  await clock.advance(9 * minuteMs);
  wire.usable = true;
  await clock.advance(30 * minuteMs);
  t.equal(first.size, 1, 'it came back in time');
  wire.usable = false;
  await clock.advance(15 * minuteMs);
  t.equal(first.size, 0);
});

t.test('one whose trust domain was withdrawn ends when its token does', async (t) => {
  const { clock, first, wire, request } = scene();
  await request();
  wire.trusted = false;
  await clock.advance(9 * minuteMs);
  t.equal(first.size, 1, 'not before');
  await clock.advance(3 * minuteMs);
  t.equal(first.size, 0);
});

t.test('what the next hop has closed is closed, at once only where nobody is heard', async (t) => {
  const { clock, first, request, lost } = scene();
  await request();
  lost('gone');
  await clock.advance(minuteMs);
  t.equal(first.size, 1, 'the caller was heard a minute ago: it is told, and decides');
  await request();
  await clock.advance(30 * minuteMs);
  t.equal(first.size, 1);
  lost('gone');
  await clock.advance(0);
  t.equal(first.size, 0);
});

t.test(
  'what the next hop has forgotten is asked for again, or let go where we do not ask',
  async (t) => {
    const asking = scene();
    await asking.request();
    await asking.clock.advance(30 * minuteMs);
    const before = asking.seen.requests.length;
    asking.lost('missing');
    await asking.clock.advance(0);
    t.equal(asking.seen.requests.length, before + 1);
    t.equal(asking.first.size, 1);
    const waiting = scene({ refreshes: false });
    await waiting.request();
    await waiting.clock.advance(30 * minuteMs);
    waiting.lost('missing');
    await waiting.clock.advance(0);
    t.equal(waiting.first.size, 0);
  },
);

t.test('a Request that fails leaves the hold as it was', async (t) => {
  const { clock, fail, first, request } = scene({ holdMs: hourMs });
  await request();
  await clock.advance(30 * minuteMs);
  fail.error = new WireError(status.UNAVAILABLE, 'the endpoint is away');
  await t.rejects(request(), { code: status.UNAVAILABLE });
  await clock.advance(30 * minuteMs - 1);
  t.equal(first.size, 1);
  await clock.advance(1);
  t.equal(first.size, 0);
  t.equal(clock.timers, 0);
});
