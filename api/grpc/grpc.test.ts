// SPDX-License-Identifier: Apache-2.0
/** A call from dial to serve and back over a real socket: token, deadline, cancel, streams. */
import { once } from 'node:events';
import { status } from '@grpc/grpc-js';
import t from 'tap';
import type { Call } from '../chain/call.js';
import type { Chain } from '../chain/element.js';
import { WireError } from '../errors/wire-error.js';
import {
  ConnectionEvent,
  MonitorConnectionService,
  MonitorScopeSelector,
} from '../gen/connection.js';
import { HealthService } from '../gen/health.js';
import { NetworkServiceService } from '../gen/networkservice.js';
import {
  dialler,
  echo,
  options,
  pair,
  server,
  socketUrl,
  wish,
} from '../../test/doubles/grpc-pair.js';
import type { EventSource } from './services.js';

const { request, close } = NetworkServiceService;
const { monitorConnections } = MonitorConnectionService;
const all = MonitorScopeSelector.create();

t.test('a Request goes to the chain and its answer comes back', async (t) => {
  let seen: Call | undefined;
  const chain: Chain = {
    ...echo,
    request(call, { connection }) {
      seen = call;
      return Promise.resolve({ ...connection, payload: 'IP' });
    },
  };
  const channel = await pair(t, { chain });
  const metadata = {
    'nsm-client-token': 'abc',
    'nsm-client-token-expires': '2030-01-02T03:04:05.123456789+01:00',
  };
  const deadlineMs = Date.now() + 60_000;
  const answer = await channel.unary(request, wish('a'), options({ metadata, deadlineMs }));
  t.match(answer, { id: 'a', payload: 'IP' });
  t.same(seen?.token, { token: 'abc', expiresMs: Date.UTC(2030, 0, 2, 2, 4, 5, 123) });
  t.ok(Math.abs((seen?.deadlineMs ?? 0) - deadlineMs) < 5_000, 'the deadline travels');
  t.match(await channel.unary(close, answer, options()), {});
});

t.test('a malformed token expiry is refused', async (t) => {
  const channel = await pair(t, { chain: echo });
  for (const expires of ['', 'soon', '2026-13-01T00:00:00Z', '2026-01-01 00:00:00Z']) {
    const metadata = { 'nsm-client-token': 'abc', 'nsm-client-token-expires': expires };
    await t.rejects(channel.unary(request, wish('a'), options({ metadata })), {
      code: status.INVALID_ARGUMENT,
      message: /nsm-client-token-expires.*RFC 3339/,
    });
  }
});

t.test('errors keep their code and text, and a bug tells nothing', async (t) => {
  const errors = new Map<string, Error>([
    ['rule', new WireError(status.NOT_FOUND, 'no endpoint: ü %')],
    ['bug', new TypeError('secret')],
    ['long', new WireError(status.ABORTED, 'x'.repeat(100_000))],
    ['half', new WireError(status.ABORTED, 'a\ud800b')],
  ]);
  const chain: Chain = {
    ...echo,
    request: (_call, { connection }) => Promise.reject(errors.get(connection.id) ?? new Error()),
    close: () => {
      throw new Error('thrown, not rejected');
    },
  };
  const channel = await pair(t, { chain });
  const of = (id: string) => channel.unary(request, wish(id), options());
  await t.rejects(of('rule'), { name: 'WireError', code: 5, message: 'no endpoint: ü %' });
  await t.rejects(of('bug'), { code: status.INTERNAL, message: 'internal error' });
  await t.rejects(of('long'), { code: status.ABORTED, message: /^x{2000}$/ });
  await t.rejects(of('half'), { code: status.ABORTED, message: 'a\ufffdb' });
  const connection = wish('a').connection;
  if (connection === undefined) throw new Error('no connection');
  await t.rejects(channel.unary(close, connection, options()), { code: status.INTERNAL });
});

/** A chain whose Request never ends; `signals` gets the signal of each. */
function hanging(): { chain: Chain; signals: AbortSignal[]; arrived: () => Promise<AbortSignal> } {
  const signals: AbortSignal[] = [];
  let tell: (signal: AbortSignal) => void = () => undefined;
  const chain: Chain = {
    ...echo,
    request(call) {
      signals.push(call.signal);
      tell(call.signal);
      return new Promise(() => undefined);
    },
  };
  const arrived = (): Promise<AbortSignal> => new Promise((resolve) => (tell = resolve));
  return { chain, signals, arrived };
}

t.test('a chain that ignores its signal is answered for at the deadline', async (t) => {
  const { chain, arrived } = hanging();
  const channel = await pair(t, { chain });
  // Connected by then: a call that does not arrive in its time is another matter.
  await channel.unary(HealthService.check, { service: '' }, options());
  const arrival = arrived();
  const answer = channel.unary(request, wish('a'), options({ deadlineMs: Date.now() + 500 }));
  const signal = await arrival;
  const aborted = once(signal, 'abort');
  await t.rejects(answer, { code: status.DEADLINE_EXCEEDED, message: /unix:/ });
  await aborted;
  t.match(signal.reason, { name: 'TimeoutError' });
});

t.test('a caller that gives up aborts the signal', async (t) => {
  const { chain, arrived } = hanging();
  const channel = await pair(t, { chain });
  const giveUp = new AbortController();
  const arrival = arrived();
  const answer = channel.unary(request, wish('a'), options({ signal: giveUp.signal }));
  const signal = await arrival;
  const aborted = once(signal, 'abort');
  giveUp.abort();
  await t.rejects(answer, { code: status.CANCELLED });
  await aborted;
  t.match(signal.reason, { name: 'AbortError' });
  await t.rejects(channel.unary(request, wish('a'), options({ signal: giveUp.signal })), {
    code: status.CANCELLED,
  });
});

/** Events that count what was asked of them; `most` ends them. */
function numbered(most = Infinity): EventSource & { asked: number; ended: Promise<void> } {
  let end: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => (end = resolve));
  const source = {
    asked: 0,
    ended,
    async *subscribe(_selector: MonitorScopeSelector, signal: AbortSignal) {
      const padding = 'x'.repeat(10_000);
      try {
        while (source.asked < most && !signal.aborted) {
          source.asked++;
          const connection = { id: String(source.asked), payload: padding };
          yield ConnectionEvent.fromPartial({ connections: { [padding]: connection } });
          await Promise.resolve();
        }
      } finally {
        end();
      }
    },
  };
  return source;
}

t.test('a stream ends with its source', async (t) => {
  const channel = await pair(t, { events: numbered(3) });
  const events: ConnectionEvent[] = [];
  const stream = channel.stream(monitorConnections, all, { signal: new AbortController().signal });
  for await (const event of stream) events.push(event);
  t.equal(events.length, 3);
});

t.test('a slow reader slows the source down, and leaving ends it', async (t) => {
  const events = numbered();
  const channel = await pair(t, { events });
  const stream = channel.stream(monitorConnections, all, { signal: new AbortController().signal });
  for await (const event of stream) {
    t.ok(event);
    await new Promise((resolve) => setTimeout(resolve, 50));
    break;
  }
  await events.ended;
  t.ok(events.asked < 1_000, `${String(events.asked)} events were made for one reader`);
});

/** Events that never come, and a promise of the moment somebody waits for them. */
function silent(): EventSource & { waiting: Promise<AbortSignal> } {
  let tell: (signal: AbortSignal) => void = () => undefined;
  const waiting = new Promise<AbortSignal>((resolve) => (tell = resolve));
  return {
    waiting,
    async *subscribe(_selector, signal) {
      tell(signal);
      yield* [];
      await once(signal, 'abort');
    },
  };
}

t.test('a stream can be left while it waits', async (t) => {
  const events = silent();
  const channel = await pair(t, { events });
  const stream = channel.stream(monitorConnections, all, { signal: new AbortController().signal });
  const iterator = stream[Symbol.asyncIterator]();
  const next = iterator.next();
  const signal = await events.waiting;
  const aborted = once(signal, 'abort');
  await iterator.return?.();
  t.same(await next, { done: true, value: undefined });
  await aborted;
});

t.test('an aborted signal breaks a stream', async (t) => {
  const events = silent();
  const channel = await pair(t, { events });
  const stop = new AbortController();
  const stream = channel.stream(monitorConnections, all, { signal: stop.signal });
  const next = stream[Symbol.asyncIterator]().next();
  await events.waiting;
  stop.abort();
  await t.rejects(next, { code: status.CANCELLED });
});

t.test('a closing server ends streams and lets calls finish', async (t) => {
  const url = await socketUrl(t);
  const events = silent();
  let answer: () => void = () => undefined;
  let arrived: () => void = () => undefined;
  const arrival = new Promise<void>((resolve) => (arrived = resolve));
  const chain: Chain = {
    ...echo,
    request: (_call, { connection }) =>
      new Promise((resolve) => {
        answer = () => {
          resolve(connection);
        };
        arrived();
      }),
  };
  const serving = await server(t, url, { chain, events });
  const channel = dialler(t).acquire(url);
  const stream = channel.stream(monitorConnections, all, { signal: new AbortController().signal });
  const next = stream[Symbol.asyncIterator]().next();
  const call = channel.unary(request, wish('a'), options());
  await Promise.all([events.waiting, arrival]);
  const closed = serving.close(5_000);
  await t.rejects(next, { code: status.UNAVAILABLE });
  answer();
  t.equal((await call).id, 'a');
  await closed;
});
