// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { status } from '@grpc/grpc-js';
import { WireError } from '../errors/wire-error.js';
import { Connection, ConnectionEvent, ConnectionEventType } from '../gen/connection.js';
import { silentLogger } from '../log/log.js';
import { FakeChannels, type FedStream } from '../../test/doubles/channels.js';
import { ManualClock, settle } from '../../test/doubles/manual-clock.js';
import { peerMonitors, type News } from './peer-monitor.js';

const url = 'unix:///peer';
const { INITIAL_STATE_TRANSFER: initial, UPDATE: update, DELETE: gone } = ConnectionEventType;

/** A Connection as the peer tells it: one hop after our own segment. */
function told(id: string, name = 'me'): Connection {
  const pathSegments = [
    { name: 'nsc', id: 'n' },
    { name, id },
    { name: 'peer', id: `p-${id}` },
  ];
  return Connection.fromPartial({ id: `p-${id}`, path: { index: 2, pathSegments } });
}
function event(type: ConnectionEventType, ...connections: Connection[]): ConnectionEvent {
  const entries = connections.map((connection) => [connection.id, connection] as const);
  return ConnectionEvent.fromPartial({ type, connections: Object.fromEntries(entries) });
}

function scene() {
  const channels = new FakeChannels();
  const clock = new ManualClock();
  const monitors = peerMonitors(channels);
  const around = { clock, log: silentLogger() };
  const heard: string[] = [];
  const watch = (id: string, name = 'me', at = url) => {
    const note = (news: News): void => {
      heard.push(`${id} ${news.kind}`);
    };
    return monitors.watch(at, { name, id, told: note }, around);
  };
  const say = async (...events: ConnectionEvent[]): Promise<string[]> => {
    for (const event of events) last().push(event);
    await settle();
    return heard.splice(0);
  };
  const last = (): FedStream => channels.streams.at(-1) as FedStream;
  return { channels, clock, monitors, around, watch, say, last, heard };
}

t.test('one stream per peer and own name, closed with its last watcher', async (t) => {
  const { channels, monitors, watch, last, clock } = scene();
  t.equal(peerMonitors(channels), monitors);
  const [a, b] = [watch('a'), watch('b')];
  await settle();
  t.equal(channels.streams.length, 1);
  t.match(last().request, { pathSegments: [{ name: 'me', id: '' }], networkServices: [] });
  const others = [watch('a', 'you'), watch('a', 'me', 'unix:///other')];
  await settle();
  t.equal(channels.streams.length, 3);
  for (const other of others) other[Symbol.dispose]();
  a[Symbol.dispose]();
  a[Symbol.dispose]();
  t.equal(channels.streams[0]?.options.signal.aborted, false);
  b[Symbol.dispose]();
  t.equal(channels.streams[0]?.options.signal.aborted, true);
  await settle();
  t.equal(monitors.size, 0);
  t.equal(channels.shares.size, 0);
  t.equal(clock.timers, 0);
  using _again = watch('a');
  await settle();
  t.equal(channels.streams.length, 4);
});

t.test('each hears of its own connection, at our index or the next', async (t) => {
  const { watch, say } = scene();
  using _a = watch('a');
  using _b = watch('b');
  t.same(await say(event(initial, told('a'), told('b'))), ['a is', 'b is']);
  t.same(await say(event(update, told('b'), told('x'), told('a', 'you'))), ['b is']);
  t.same(await say(event(gone, told('a'))), ['a gone']);
  const own = told('a');
  const ours = { ...own, path: { index: 1, pathSegments: own.path?.pathSegments ?? [] } };
  t.same(await say(event(update, ours)), ['a is']);
  const bare = Connection.fromPartial({ id: 'a' });
  t.same(await say(event(update, bare)), []);
});

t.test('two watchers of one connection', async (t) => {
  const { watch, say } = scene();
  using _one = watch('a');
  using two = watch('a');
  t.same(await say(event(update, told('a'))), ['a is', 'a is']);
  two[Symbol.dispose]();
  t.same(await say(event(update, told('a'))), ['a is']);
});

t.test(
  'what the initial state does not have is missing, unless it is newer than that',
  async (t) => {
    const { watch, say, last, clock, heard } = scene();
    using _a = watch('a');
    using _b = watch('b');
    await say(event(initial, told('a'), told('b')));
    last().end();
    await clock.advance(50);
    using _late = watch('late');
    heard.length = 0;
    t.same(await say(event(initial, told('a'))), ['a is', 'b missing']);
  },
);

t.test('a broken stream is told once and opened again with a back-off', async (t) => {
  const { channels, clock, watch, say, last, heard } = scene();
  using _a = watch('a');
  using b = watch('b');
  await say(event(initial, told('a'), told('b')));
  last().fail(new WireError(status.UNAVAILABLE, 'gone'));
  t.same(await say(), ['a silent', 'b silent']);
  b[Symbol.dispose]();
  for (const waitMs of [50, 100, 200, 400, 800, 1_000, 1_000]) {
    const before = channels.streams.length;
    await clock.advance(waitMs - 1);
    t.equal(channels.streams.length, before);
    await clock.advance(1);
    t.equal(channels.streams.length, before + 1);
    last().fail(new Error('still gone'));
    await settle();
  }
  t.same(heard, []);
  await clock.advance(1_000);
  t.same(await say(event(initial, told('a'))), ['a is']);
  last().end();
  t.same(await say(), ['a silent'], 'a peer that ends the stream is going away');
  await clock.advance(50);
  t.same(await say(event(initial)), ['a missing']);
});

t.test('closing while it waits to try again', async (t) => {
  const { channels, clock, watch, last } = scene();
  const a = watch('a');
  await settle();
  last().fail(new Error('gone'));
  await settle();
  a[Symbol.dispose]();
  await settle();
  t.equal(clock.timers, 0);
  t.equal(channels.streams.length, 1);
});

t.test('a peer without a monitor is not asked again', async (t) => {
  const { channels, clock, watch, last, heard } = scene();
  using _a = watch('a');
  await settle();
  last().fail(new WireError(status.UNIMPLEMENTED, 'what?'));
  await settle();
  await clock.advance(10_000);
  t.equal(channels.streams.length, 1);
  t.same(heard, []);
});

t.test('a watcher that throws ends nothing but its stream, and is logged', async (t) => {
  const { channels, monitors, around } = scene();
  const bad = (): void => {
    throw new TypeError('a bug');
  };
  using _watch = monitors.watch(url, { name: 'me', id: 'a', told: bad }, around);
  await settle();
  channels.streams[0]?.push(event(update, told('a')));
  await settle();
  t.equal(monitors.size, 1);
});
