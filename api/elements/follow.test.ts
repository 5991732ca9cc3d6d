// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { compose } from '../chain/compose.js';
import { pathOf } from '../chain/connection.js';
import type { Request } from '../chain/element.js';
import { Connection, ConnectionEvent, State } from '../gen/connection.js';
import { FakeChannels } from '../../test/doubles/channels.js';
import { recording, testCall, testRequest } from '../../test/doubles/elements.js';
import { ManualClock, settle } from '../../test/doubles/manual-clock.js';
import { begin } from './begin.js';
import { ConnectionEvents } from './connection-events.js';
import { follow } from './follow.js';
import { waitOf } from './link-metrics.js';
import { monitor } from './monitor.js';
import { nextHop } from './next-hop.js';

const path = {
  index: 1,
  pathSegments: [
    { name: 'nsc', id: 'n' },
    { name: 'me', id: 'c' },
  ],
};
const request = testRequest({ id: 'c', payload: 'IP', path });
const conn = request.connection;

function scene(networkService = '') {
  const asked: Request[] = [];
  const channels = new FakeChannels();
  const events = new ConnectionEvents();
  const clock = new ManualClock();
  const at: { url?: string } = { url: 'unix:///a' };
  const chain = compose(
    begin(),
    monitor(events),
    {
      ...recording(),
      request(call, request, next) {
        asked.push(request);
        if (at.url !== undefined) call.state.set(nextHop, at.url);
        return next(call, request);
      },
    },
    follow(channels, events),
  );
  const say = async (type: 0 | 1 | 2, state?: State, metrics = {}): Promise<State | undefined> => {
    const segments = [...(conn.path?.pathSegments ?? []), { name: 'peer', id: 'p', metrics }];
    const theirs = Connection.fromPartial({
      id: 'p',
      state: state ?? State.UP,
      path: { index: 2, pathSegments: segments },
    });
    const connections = state === undefined ? {} : { p: theirs };
    channels.streams.at(-1)?.push(ConnectionEvent.fromPartial({ type, connections }));
    await settle();
    return events.get('c')?.state;
  };
  const wish = { ...request, connection: { ...conn, networkService } };
  const ask = () => chain.request(testCall({ clock }), wish);
  return { channels, events, clock, at, chain, ask, asked, say };
}

t.test('what the next hop says is said of ours', async (t) => {
  const { ask, say, events } = scene();
  await ask();
  t.equal(await say(0, State.UP), State.UP);
  t.equal(await say(1, State.DOWN), State.DOWN);
  t.match(events.get('c'), { id: 'c', payload: 'IP', path: { index: 1 } });
  t.equal(await say(1, State.UP), State.UP);
  t.equal(await say(1, State.REFRESH_REQUESTED), State.REFRESH_REQUESTED);
  t.equal(await say(2, State.UP), State.DOWN, 'closed there is DOWN here');
  await ask();
  t.equal(events.get('c')?.state, State.UP);
});

t.test(
  'that the wire waits for a link is passed on, and is not said of a hop that is gone',
  async (t) => {
    const { ask, say, events, channels } = scene();
    const answer = await ask();
    const path = pathOf(answer);
    const pathSegments = [...path.pathSegments, { name: 'peer', id: 'p' }];
    events.update(Connection.fromPartial({ ...answer, path: { ...path, pathSegments } }));
    const waits = () => waitOf(events.get('c') ?? conn);
    const waiting = { strands_usable: '0', hold_ms: '7' };
    t.equal(await say(1, State.DOWN, waiting), State.DOWN);
    t.equal(waits(), 7);
    t.equal(await say(1, State.DOWN, { strands_usable: '0' }), State.DOWN);
    t.equal(waits(), undefined, 'it waits no more');
    await say(1, State.DOWN, waiting);
    t.equal(await say(1, State.UP, { strands_usable: '2' }), State.UP);
    t.equal(waits(), undefined);
    await say(1, State.DOWN, waiting);
    channels.streams[0]?.end();
    await settle();
    t.strictSame([events.get('c')?.state, waits()], [State.DOWN, undefined]);
  },
);

t.test('a next hop that falls silent, and one that forgot', async (t) => {
  const { ask, say, channels, clock, events } = scene();
  await ask();
  await say(0, State.UP);
  channels.streams[0]?.end();
  await settle();
  t.equal(events.get('c')?.state, State.DOWN);
  await clock.advance(50);
  t.equal(await say(0, State.UP), State.UP);
  channels.streams[1]?.end();
  await settle();
  await clock.advance(50);
  t.equal(await say(0), State.DOWN);
});

t.test(
  'another site that falls silent has lost no wire; one that forgot it is asked again',
  async (t) => {
    const { ask, asked, at, say, channels, clock, events } = scene('wan@cloud');
    at.url = 'tcp://192.0.2.1:5001,192.0.2.2:5001';
    await ask();
    await say(0, State.UP);
    channels.streams[0]?.end();
    await settle();
    t.equal(events.get('c')?.state, State.UP);
    await clock.advance(3_600_000);
    t.equal(events.get('c')?.state, State.UP);
    t.equal(asked.length, 1);
    t.equal(channels.streams.length, 2, 'it is listened to again');
    t.equal(await say(0), State.UP);
    t.equal(asked.length, 2, 'it may have been restarted');
    t.equal(await say(1, State.DOWN), State.DOWN, 'what it says of the wire counts');
    t.equal(await say(1, State.UP), State.UP);
    t.equal(await say(2, State.UP), State.DOWN);
  },
);

t.test(
  'one stream however often it is refreshed; another where it moves; none after the Close',
  async (t) => {
    const { ask, at, chain, channels } = scene();
    await ask();
    await ask();
    await settle();
    t.equal(channels.streams.length, 1);
    at.url = 'unix:///b';
    await ask();
    await settle();
    t.same([...channels.shares.keys()], ['unix:///b']);
    await chain.close(testCall(), conn);
    t.equal(channels.shares.size, 0);
  },
);

t.test('without a next hop there is nothing to follow', async (t) => {
  const { ask, at, channels } = scene();
  delete at.url;
  await ask();
  await settle();
  t.equal(channels.streams.length, 0);
});
