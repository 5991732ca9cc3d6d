// SPDX-License-Identifier: Apache-2.0
import { status } from '@grpc/grpc-js';
import t from 'tap';
import { compose } from '../chain/compose.js';
import { pathOf, toTimestamp } from '../chain/connection.js';
import type { Step } from '../chain/element.js';
import { State } from '../chain/state.js';
import { UnreachableError } from '../errors/unreachable-error.js';
import { WireError } from '../errors/wire-error.js';
import { Connection } from '../gen/connection.js';
import { testCall, testRequest } from '../../test/doubles/elements.js';
import { ManualClock } from '../../test/doubles/manual-clock.js';
import { hold, rememberAnswer } from './hold.js';
import { nextHop } from './next-hop.js';
import { refreshAfter } from './refresh.js';

const hourMs = 3_600_000;
const unreachable = new UnreachableError('tcp://192.0.2.1:5001: no answer');

/** A forwarder's client side, third in the path; the site behind it answers, or fails with `error`. */
function scene(url = 'tcp://192.0.2.1:5001') {
  const clock = new ManualClock();
  const state = new State();
  state.set(nextHop, url);
  const site: { error?: Error; asked: number } = { asked: 0 };
  const wire = { usable: true, away: false, trusted: true };
  const behind: Step = {
    kind: 'step',
    name: 'behind',
    request(_call, { connection }) {
      site.asked++;
      if (site.error !== undefined) return Promise.reject(site.error);
      const path = pathOf(connection);
      const expires = toTimestamp(clock.now() + 600_000);
      const pathSegments = [...path.pathSegments.slice(0, 3), segment('nmgr-cloud', expires)];
      return Promise.resolve({ ...connection, path: { ...path, pathSegments }, payload: 'IP' });
    },
    close: () => Promise.resolve(),
  };
  const chain = compose(
    hold({
      holdMs: 24 * hourMs,
      usable: () => wire.usable,
      isAway: () => wire.away,
      trusts: () => wire.trusted,
    }),
    behind,
  );
  const request = (change: Partial<Connection> = {}) => {
    const expires = toTimestamp(clock.now() + 600_000);
    const names = ['client', 'nmgr-edge', 'forwarder-edge'];
    const pathSegments = names.map((name) => segment(name, expires));
    const connection = {
      id: 'forwarder-edge-1',
      networkService: 'wan@cloud',
      networkServiceEndpointName: 'gateway@cloud',
      path: { index: 2, pathSegments },
      ...change,
    };
    return chain.request(testCall({ clock, state }), testRequest(connection));
  };
  return { clock, state, site, wire, chain, request };
}

function segment(name: string, expires: ReturnType<typeof toTimestamp>) {
  return { name, id: `${name}-1`, token: '', expires, metrics: {} };
}

t.test('a site that is away for an hour costs no wire', async (t) => {
  const { clock, site, request } = scene();
  await request();
  site.error = unreachable;
  for (let minutes = 0; minutes < 60; minutes += 2) {
    await clock.advance(120_000);
    const held = await request({ labels: { app: 'sip' } });
    t.match(held, { id: 'forwarder-edge-1', payload: 'IP', labels: { app: 'sip' } });
    t.same(
      pathOf(held).pathSegments.map(({ name }) => name),
      ['client', 'nmgr-edge', 'forwarder-edge', 'nmgr-cloud'],
    );
    const pauseMs = refreshAfter(held, clock.now()) ?? 0;
    t.ok(pauseMs > 60_000, 'the client is not made to refresh without pause');
  }
  t.equal(site.asked, 31, 'the site is asked each time');
  delete site.error;
  await request();
  t.equal(clock.timers, 0);
});

t.test('it ends with the hold, and when the wire carries nothing', async (t) => {
  const { clock, site, wire, request } = scene();
  await request();
  site.error = unreachable;
  wire.usable = false;
  await t.rejects(request(), { code: status.UNAVAILABLE, message: /^site cloud: tcp:/ });
  wire.usable = true;
  await clock.advance(24 * hourMs - 1);
  await request();
  await clock.advance(1);
  const failure = await request().catch((reason: unknown) => reason);
  t.ok(failure instanceof UnreachableError, 'whoever looks for another way still can');
});

t.test('a site whose trust domain was withdrawn keeps its wire until a token ends', async (t) => {
  const { clock, site, wire, request } = scene();
  await request();
  site.error = unreachable;
  wire.trusted = false;
  await clock.advance(599_000);
  await request();
  await clock.advance(1_000);
  await t.rejects(request(), { code: status.UNAVAILABLE });
});

t.test('what is no absence is passed on', async (t) => {
  const { site, request } = scene();
  site.error = unreachable;
  await t.rejects(request(), { code: status.UNAVAILABLE }, 'nothing stands yet');
  delete site.error;
  await request();
  site.error = new WireError(status.PERMISSION_DENIED, 'no');
  await t.rejects(request(), { message: 'no' });
  site.error = unreachable;
  await t.rejects(request({ networkServiceEndpointName: 'other@cloud' }), /no answer/);
  for (const code of [status.UNAVAILABLE, status.DEADLINE_EXCEEDED]) {
    site.error = new WireError(code, 'away');
    t.match(await request(), { payload: 'IP' });
  }
});

t.test(
  'while nothing of the wire gets through, a site that answers and refuses is believed',
  async (t) => {
    const { site, wire, request } = scene();
    await request();
    wire.away = true;
    for (const absence of [unreachable, new WireError(status.DEADLINE_EXCEEDED, 'no answer')]) {
      site.error = absence;
      t.match(await request(), { payload: 'IP' });
    }
    for (const code of [status.UNAVAILABLE, status.NOT_FOUND]) {
      site.error = new WireError(code, 'its forwarder is gone');
      await t.rejects(request(), { code });
    }
  },
);

t.test('a site that was restarted may not know its services for a minute', async (t) => {
  const { clock, site, request } = scene();
  await request();
  site.error = new WireError(status.NOT_FOUND, 'network service "wan" is not registered');
  await request();
  await clock.advance(59_999);
  await request();
  await clock.advance(1);
  await t.rejects(request(), { code: status.NOT_FOUND });
});

t.test('a site that says nothing leaves time to answer', async (t) => {
  const clock = new ManualClock();
  const state = new State();
  state.set(nextHop, 'tcp://192.0.2.1:5001');
  rememberAnswer(
    state,
    Connection.fromPartial({ networkService: 'wan@cloud', payload: 'IP' }),
    clock.now(),
  );
  const mute: Step = {
    kind: 'step',
    name: 'mute',
    request: (call) =>
      new Promise((_, reject) => {
        call.signal.addEventListener('abort', () => {
          reject(new WireError(status.DEADLINE_EXCEEDED, 'no answer'));
        });
      }),
    close: () => Promise.resolve(),
  };
  const wish = { networkService: 'wan@cloud', path: { index: 0, pathSegments: [{ id: 'a' }] } };
  const answer = compose(hold({ holdMs: hourMs }), mute).request(
    testCall({ clock, state }),
    testRequest(wish),
  );
  await clock.advance(7_500);
  t.match(await answer, { payload: 'IP' });
});

t.test('a wire within the site is not held, nor one that was closed', async (t) => {
  const near = scene('unix:///run/gateway.sock');
  await near.request();
  near.site.error = unreachable;
  await t.rejects(near.request(), unreachable);
  const far = scene();
  const { clock, state } = far;
  const answer = await far.request();
  await far.chain.close(testCall({ clock, state }), answer);
  far.site.error = unreachable;
  await t.rejects(far.request(), { code: status.UNAVAILABLE });
});
