// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { status } from '@grpc/grpc-js';
import { compose } from '../chain/compose.js';
import { pathOf } from '../chain/connection.js';
import type { Request } from '../chain/element.js';
import { WireError } from '../errors/wire-error.js';
import { Connection, ConnectionEvent, State } from '../gen/connection.js';
import { FakeChannels } from '../../test/doubles/channels.js';
import { recording, testCall, testRequest } from '../../test/doubles/elements.js';
import { ManualClock, settle } from '../../test/doubles/manual-clock.js';
import { begin } from './begin.js';
import { clientUrl } from './client-url.js';
import { heal, type Liveness } from './heal.js';

const request = testRequest({ id: 'c', path: { pathSegments: [{ name: 'nsc', id: 'c' }] } });
const conn = request.connection;
const gone = new WireError(status.UNAVAILABLE, 'gone');

function scene(liveness?: Liveness) {
  const channels = new FakeChannels();
  const clock = new ManualClock();
  const log: string[] = [];
  const failures: Error[] = [];
  const answer: { metrics?: Record<string, string> } = {};
  const b = begin();
  const chain = compose(b, clientUrl('unix:///nsmgr'), heal({ channels, liveness }), {
    ...recording(),
    request(call, request, next) {
      log.push(wanted(request));
      const failure = failures.shift();
      if (failure !== undefined) return Promise.reject(failure);
      const path = pathOf(request.connection);
      const behind = { name: 'forwarder', id: 'f', token: '', expires: undefined };
      const pathSegments = [
        ...path.pathSegments.slice(0, 1),
        { ...behind, metrics: answer.metrics ?? {} },
      ];
      return next(call, {
        ...request,
        connection: { ...request.connection, path: { ...path, pathSegments } },
      });
    },
    close() {
      log.push('close');
      return Promise.resolve();
    },
  });
  const tell = async (type: 0 | 1 | 2, state: State = State.UP, metrics = {}): Promise<void> => {
    const path = {
      index: 1,
      pathSegments: [
        { name: 'nsc', id: 'c' },
        { name: 'm', id: 'm' },
        { name: 'forwarder', id: 'f', metrics },
      ],
    };
    const theirs = Connection.fromPartial({ id: 'm', state, path });
    channels.streams
      .at(-1)
      ?.push(ConnectionEvent.fromPartial({ type, connections: { m: theirs } }));
    await settle();
  };
  const start = async (): Promise<void> => {
    await chain.request(testCall({ clock }), request);
    await settle();
    log.length = 0;
  };
  const close = () => chain.close(testCall({ clock }), conn);
  return { channels, clock, log, failures, answer, chain, tell, start, close, begin: b };
}

function wanted({ connection }: Request): string {
  return connection.state === State.RESELECT_REQUESTED ? 'reselect' : 'again';
}

t.test('alive: the Request again; dead or nobody can tell: another', async (t) => {
  const cases: readonly (readonly [Liveness | undefined, readonly string[]])[] = [
    [undefined, ['close', 'reselect']],
    [() => Promise.resolve(true), ['again']],
    [() => Promise.resolve(false), ['close', 'reselect']],
    [() => Promise.reject(new Error('no socket')), ['close', 'reselect']],
  ];
  for (const [liveness, expected] of cases) {
    const { start, tell, log, close, clock } = scene(liveness);
    await start();
    await tell(0);
    t.same(log, [], 'nothing is wrong');
    await tell(1, State.DOWN);
    t.same(log, expected);
    await close();
    t.equal(clock.timers, 0);
  }
});

t.test('a hop that asks for a refresh gets one, whatever the liveness', async (t) => {
  const { start, tell, log, failures } = scene(() => Promise.resolve(true));
  await start();
  await tell(1, State.REFRESH_REQUESTED);
  t.same(log, ['again']);
  failures.push(new WireError(status.UNAVAILABLE, 'away'));
  await tell(1, State.REFRESH_REQUESTED);
  t.same(log, ['again', 'again'], 'a failure is left to the next refresh');
});

t.test('a DELETE and a broken stream are healed too', async (t) => {
  const { start, tell, log, channels, close } = scene();
  await start();
  await tell(2);
  t.same(log.splice(0), ['close', 'reselect']);
  channels.streams.at(-1)?.fail(gone);
  await settle();
  t.same(log.splice(0), ['close', 'reselect']);
  await close();
  await settle();
  t.same(log, ['close']);
  t.equal(channels.shares.size, 0);
});

t.test('repeated with a back-off until it succeeds', async (t) => {
  const { start, tell, log, failures, clock, close } = scene();
  await start();
  failures.push(gone, gone, gone);
  await tell(1, State.DOWN);
  t.same(log.splice(0), ['close', 'reselect']);
  await tell(1, State.DOWN);
  await clock.advance(199);
  t.same(log, [], 'more bad news makes it no faster');
  await clock.advance(1);
  t.same(log.splice(0), ['reselect']);
  await clock.advance(400);
  t.same(log.splice(0), ['reselect']);
  await clock.advance(800);
  t.same(log.splice(0), ['reselect']);
  await clock.advance(60_000);
  t.same(log, [], 'healed');
  await tell(1, State.DOWN);
  t.same(log.splice(0), ['close', 'reselect'], 'and healed again');
  await close();
  t.equal(clock.timers, 0);
});

t.test('alive, but nobody knows the endpoint any more: another', async (t) => {
  const { start, tell, log, failures, clock, close } = scene(() => Promise.resolve(true));
  await start();
  failures.push(new WireError(status.UNAVAILABLE, 'away'));
  failures.push(new WireError(status.NOT_FOUND, 'endpoint nse is not registered'));
  await tell(1, State.DOWN);
  await clock.advance(200);
  t.same(log.splice(0), ['again', 'again'], 'an endpoint that is away may come back');
  await clock.advance(400);
  t.same(log, ['close', 'reselect']);
  await close();
});

t.test('a Close ends the healing, while it waits and while it tries', async (t) => {
  const waiting = scene();
  await waiting.start();
  waiting.failures.push(gone);
  await waiting.tell(1, State.DOWN);
  await waiting.close();
  await waiting.clock.advance(60_000);
  t.same(waiting.log, ['close', 'reselect', 'close']);
  t.equal(waiting.clock.timers, 0);
  t.equal(waiting.begin.size, 0);

  const never = new Promise<boolean>(() => undefined);
  const checking = scene(() => never);
  await checking.start();
  await checking.tell(1, State.DOWN);
  await checking.close();
  t.equal(checking.clock.timers, 0);
});

t.test('the data plane is checked, and found dead is chosen anew', async (t) => {
  let alive = true;
  let checks = 0;
  const { start, log, clock, close, failures } = scene((connection, signal) => {
    checks++;
    t.equal(connection.id, 'c');
    t.equal(signal.aborted, false);
    return Promise.resolve(alive);
  });
  await start();
  await clock.advance(1_000);
  t.equal(checks, 5);
  t.same(log, []);
  alive = false;
  failures.push(gone);
  await clock.advance(200);
  t.same(log, ['close', 'reselect']);
  await clock.advance(200);
  t.same(log.splice(0), ['close', 'reselect', 'reselect']);
  alive = true;
  const before = checks;
  await clock.advance(1_000);
  t.equal(checks, before + 5, 'one checker, not two');
  await close();
  await clock.advance(1_000);
  t.equal(checks, before + 5);
});

/** As a forwarder without a strand left says it. */
const waiting = { strands_usable: '0', hold_ms: '60000' };

t.test(
  'no link is left: it waits, is as it was, and is healed once the hold is over',
  async (t) => {
    let alive = true;
    let checks = 0;
    const { start, tell, log, clock, close } = scene(() => {
      checks++;
      return Promise.resolve(alive);
    });
    await start();
    alive = false;
    await tell(1, State.DOWN, waiting);
    checks = 0;
    await clock.advance(59_900);
    t.same([log, checks], [[], 0], 'nobody is asked');
    alive = true;
    await tell(1, State.UP, { strands_usable: '1' });
    await clock.advance(1_000);
    t.same([log, checks], [[], 5]);

    alive = false;
    await tell(1, State.DOWN, waiting);
    await clock.advance(59_900);
    await tell(1, State.DOWN, { strands_usable: '0' });
    t.same(log.splice(0), ['close', 'reselect'], 'the forwarder waits no more');
    await tell(1, State.DOWN, waiting);
    await clock.advance(60_100);
    t.same(log, ['close', 'reselect'], 'nor do we, where nobody says anything');
    await close();
    t.equal(clock.timers, 0);
  },
);

t.test(
  'while it waits: a silent manager is asked again, a closed wire is chosen anew',
  async (t) => {
    const { start, tell, log, channels, clock, close } = scene(() => Promise.resolve(false));
    await start();
    await tell(1, State.DOWN, waiting);
    channels.streams.at(-1)?.fail(gone);
    await settle();
    t.same(log.splice(0), ['again']);
    await clock.advance(50);
    await tell(0, State.DOWN, waiting);
    await tell(2);
    t.same(log, ['close', 'reselect']);
    await close();
  },
);

t.test('pings are believed when the forwarder has had the time to say what it knows', async (t) => {
  const metrics = { strands_usable: '2', detection_ms: '2000' };
  const { chain, tell, log, clock, close, answer } = scene(() => Promise.resolve(false));
  answer.metrics = metrics;
  await chain.request(testCall({ clock }), request);
  log.length = 0;
  await clock.advance(3_100);
  t.same(log, []);
  await tell(1, State.DOWN, waiting);
  await clock.advance(10_000);
  t.same(log, [], 'it was the links');
  await tell(1, State.UP, metrics);
  await clock.advance(4_200);
  t.same(log, ['close', 'reselect'], 'it is the other end');
  await close();
});

t.test('a wire whose links a forwarder watches is asked a fifth as often', async (t) => {
  let asked = 0;
  const alive = (): Promise<boolean> => Promise.resolve(++asked > 0);
  const { chain, clock, close, answer } = scene(alive);
  answer.metrics = { strands_usable: '2', detection_ms: '2000' };
  await chain.request(testCall({ clock }), request);
  await clock.advance(10_000);
  t.equal(asked, 10);
  await close();
});

t.test('a check that does not end in time means dead', async (t) => {
  const { start, log, clock, close } = scene(
    (_connection, signal) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          reject(signal.reason as Error);
        });
      }),
  );
  await start();
  await clock.advance(1_200);
  t.same(log, ['close', 'reselect']);
  await close();
  await settle();
  t.equal(clock.timers, 0);
});

t.test('without begin and without a next hop it does no harm', async (t) => {
  const clock = new ManualClock();
  const channels = new FakeChannels();
  let asked = 0;
  const again = {
    request: () => {
      asked++;
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  };
  const chain = compose(heal({ channels, liveness: () => Promise.resolve(false) }));
  const call = testCall({ clock, again });
  await chain.request(call, request);
  await clock.advance(1_000);
  t.equal(asked, 5, 'as often as it is checked, no more');
  t.equal(channels.streams.length, 0);
  call.state[Symbol.dispose]();
  await settle();
  t.equal(clock.timers, 0);
});

t.test('a connection that moves is followed there', async (t) => {
  const clock = new ManualClock();
  const channels = new FakeChannels();
  const urls = ['unix:///a', 'unix:///b'];
  const chain = compose(
    begin(),
    {
      ...recording(),
      request: (call, request, next) => clientUrl(urls.shift() ?? '').request(call, request, next),
    },
    heal({ channels }),
  );
  await chain.request(testCall({ clock }), request);
  await chain.request(testCall({ clock }), request);
  t.same([...channels.shares], [['unix:///b', 1]]);
  await chain.close(testCall({ clock }), conn);
  t.equal(channels.shares.size, 0);
});
