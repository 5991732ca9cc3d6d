// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { status } from '@grpc/grpc-js';
import type { Again, Call } from '../chain/call.js';
import { compose } from '../chain/compose.js';
import type { Guard, Request, Step } from '../chain/element.js';
import { stateKey, type State } from '../chain/state.js';
import { WireError } from '../errors/wire-error.js';
import { ipOf, withContext } from '../chain/connection.js';
import { Connection, PathSegment, State as ConnectionState } from '../gen/connection.js';
import { IPContext } from '../gen/connectioncontext.js';
import {
  answering,
  failing,
  recording,
  testCall,
  testRequest,
} from '../../test/doubles/elements.js';
import { ManualClock, settle } from '../../test/doubles/manual-clock.js';
import { begin } from './begin.js';

const conn = (id = 'c', change: Partial<Connection> = {}): Connection =>
  Connection.fromPartial({ id, networkService: 'hello', ...change });
const request = (id = 'c', change: Partial<Connection> = {}): Request =>
  testRequest(conn(id, change), [{ cls: 'LOCAL', type: 'KERNEL', parameters: {} }]);

const segment = (id: string): PathSegment => PathSegment.fromPartial({ name: id, id });

/** Requests and Closes wait until they are let go. */
function gate() {
  const order: string[] = [];
  const waiting: (() => void)[] = [];
  const wait = (what: string): Promise<void> => {
    order.push(what);
    return new Promise((resolve) => waiting.push(resolve));
  };
  const step: Step = {
    kind: 'step',
    name: 'gate',
    async request(call, request, next) {
      await wait(`request ${request.connection.id}`);
      call.signal.throwIfAborted();
      return next(call, request);
    },
    close: (_call, connection) => wait(`close ${connection.id}`),
  };
  const go = async (): Promise<void> => {
    await settle();
    waiting.shift()?.();
    await settle();
  };
  return { step, order, go };
}

/** Notes the call it last saw. */
function spy() {
  const seen: { call?: Call; states: State[]; agains: Again[] } = { states: [], agains: [] };
  const step: Step = {
    kind: 'step',
    name: 'spy',
    request(call, request, next) {
      seen.call = call;
      seen.states.push(call.state);
      seen.agains.push(call.again);
      return next(call, request);
    },
    close(call) {
      seen.call = call;
      return Promise.resolve();
    },
  };
  return { step, seen };
}

t.test('one at a time and in order for one id, side by side for two', async (t) => {
  const { step, order, go } = gate();
  const chain = compose(begin(), step);
  const all = [
    chain.request(testCall(), request()),
    chain.close(testCall(), conn()),
    chain.request(testCall(), request()),
    chain.request(testCall(), request('other')),
  ];
  await settle();
  t.same(order, ['request c', 'request other']);
  await go();
  t.same(order.slice(2), ['close c']);
  await go();
  await go();
  t.same(order.slice(2), ['close c', 'request c']);
  await go();
  await Promise.all(all);
});

t.test('who gives up while waiting leaves the line', async (t) => {
  const { step, order, go } = gate();
  const b = begin();
  const chain = compose(b, step);
  const first = chain.request(testCall(), request());
  const abort = new AbortController();
  const second = chain.request(testCall({ signal: abort.signal }), request());
  const third = chain.close(testCall(), conn());
  abort.abort(new DOMException('too late', 'TimeoutError'));
  await t.rejects(second, { name: 'TimeoutError' });
  await t.rejects(chain.request(testCall({ signal: abort.signal }), request('new')), {
    name: 'TimeoutError',
  });
  await go();
  await go();
  await Promise.all([first, third]);
  t.same(order, ['request c', 'close c']);
  t.equal(b.size, 0);
});

t.test('who waited for nearly all of its time is told so', async (t) => {
  const { step, go } = gate();
  const clock = new ManualClock();
  const chain = compose(begin(), step);
  const first = chain.request(testCall({ clock }), request());
  const late = t.rejects(chain.request(testCall({ clock }), request()), {
    code: status.DEADLINE_EXCEEDED,
    message: /earlier calls/,
  });
  await clock.advance(13_500);
  await late;
  await go();
  await first;
  t.equal(clock.timers, 0);
});

t.test('an empty id', async (t) => {
  const chain = compose(begin());
  await t.rejects(chain.request(testCall(), request('')), { code: 3, message: /connection\.id/ });
  await t.rejects(chain.close(testCall(), conn('')), { code: 3 });
});

t.test('the answer is UP, and a Close works on what was answered last', async (t) => {
  const { step: probe, closes } = recordingPair();
  const chain = compose(begin(), probe, {
    ...recording(),
    request: (call, request, next) =>
      next(call, {
        ...request,
        connection: { ...request.connection, payload: 'IP', state: ConnectionState.DOWN },
      }),
  });
  t.match(await chain.request(testCall(), request()), { payload: 'IP', state: 0 });
  await chain.close(testCall(), conn('c', { payload: 'what the caller thinks' }));
  t.match(closes, [{ id: 'c', payload: 'IP' }]);
});

function recordingPair() {
  const step = recording();
  return { step, requests: step.requests, closes: step.closes };
}

t.test('a Close of an unknown or a closed id does nothing', async (t) => {
  const { step, closes } = recordingPair();
  const chain = compose(begin(), step);
  await chain.close(testCall(), conn());
  await chain.request(testCall(), request());
  await Promise.all([chain.close(testCall(), conn()), chain.close(testCall(), conn())]);
  t.equal(closes.length, 1);
});

t.test('the State lives from the first Request through the Close', async (t) => {
  const { step, seen } = spy();
  const b = begin();
  const chain = compose(b, step);
  const key = stateKey<Disposable>('x');
  let disposed = 0;
  await chain.request(testCall(), request());
  seen.call?.state.set(key, { [Symbol.dispose]: () => disposed++ });
  await chain.request(testCall(), request());
  t.equal(seen.states[0], seen.states[1]);
  t.equal(disposed, 0);
  const closing = chain.close(testCall(), conn());
  t.equal(seen.call?.state.get(key) !== undefined, true, 'there while elements close');
  await closing;
  t.equal(disposed, 1);
  t.equal(b.size, 0);
  await chain.request(testCall(), request());
  t.not(seen.states[2], seen.states[0]);
});

t.test('a failed first Request leaves nothing, a failed refresh keeps what stands', async (t) => {
  let fail = true;
  const { step, seen } = spy();
  const last = failing(new WireError(status.NOT_FOUND, 'no such service'));
  const { closes, ...note } = recording();
  const b = begin();
  const chain = compose(b, note, step, {
    ...last,
    request: (call, request, next) =>
      fail ? last.request(call, request, next) : next(call, request),
    close: () => Promise.resolve(),
  });
  await t.rejects(chain.request(testCall(), request()), { code: 5 });
  t.equal(b.size, 0);
  let disposed = 0;
  seen.states[0]?.set(stateKey<Disposable>('late'), { [Symbol.dispose]: () => disposed++ });
  t.equal(disposed, 1, 'a State that is over keeps nothing');
  await seen.agains[0]?.request();
  t.equal(seen.states.length, 1, 'again does nothing after the end');

  fail = false;
  await chain.request(testCall(), request('c', { payload: 'IP' }));
  fail = true;
  await t.rejects(chain.request(testCall(), request('c', { payload: 'ETHERNET' })), { code: 5 });
  t.equal(seen.states[2], seen.states[1]);
  await chain.close(testCall(), conn());
  t.match(closes, [{ payload: 'IP' }]);
});

t.test('a Close that a Step failed is over, one that a Guard refused is not', async (t) => {
  const refuse: Guard = {
    kind: 'guard',
    name: 'refuse',
    request: (call, request, next) => next(call, request),
    close: () => Promise.reject(new WireError(status.PERMISSION_DENIED, 'not yours')),
  };
  const guarded = begin();
  const one = compose(guarded, refuse);
  await one.request(testCall(), request());
  await t.rejects(one.close(testCall(), conn()), { code: 7 });
  t.equal(guarded.size, 1);

  const stepped = begin();
  const other = compose(stepped, {
    ...recording(),
    close: () => Promise.reject(new WireError(status.UNAVAILABLE, 'gone')),
  });
  await other.request(testCall(), request());
  await t.rejects(other.close(testCall(), conn()), { code: 14, name: 'CloseError' });
  t.equal(stepped.size, 0);
});

t.test('a Close that has begun outlives its caller', async (t) => {
  const { step, seen } = spy();
  const chain = compose(begin(), step);
  await chain.request(testCall(), request());
  const abort = new AbortController();
  const closing = chain.close(testCall({ signal: abort.signal }), conn());
  await settle();
  abort.abort();
  await closing;
  t.equal(seen.call?.signal.aborted, false);
});

t.test('RESELECT_REQUESTED closes first', async (t) => {
  const { step, order, go } = gate();
  const { step: probe, seen } = spy();
  const chain = compose(begin(), probe, step);
  const first = chain.request(testCall(), request());
  await go();
  await first;
  const again = chain.request(
    testCall(),
    request('c', { state: ConnectionState.RESELECT_REQUESTED }),
  );
  for (let n = 0; n < 3; n++) await go();
  t.match(await again, { state: ConnectionState.UP });
  t.same(order, ['request c', 'close c', 'request c']);
  t.not(seen.states[1], seen.states[0]);
  const fresh = chain.request(
    testCall(),
    request('new', { state: ConnectionState.RESELECT_REQUESTED }),
  );
  for (let n = 0; n < 3; n++) await go();
  await fresh;
  t.same(order.slice(3), ['request new'], 'of an unknown id there is nothing to close');
});

t.test("a peer's reselect that fails leaves nothing", async (t) => {
  const answers = [undefined, new WireError(status.UNAVAILABLE, 'no other')];
  const b = begin();
  const chain = compose(b, {
    ...recording(),
    request(call, request, next) {
      const error = answers.shift();
      return error ? Promise.reject(error) : next(call, request);
    },
    close: () => Promise.reject(new Error('nor this')),
  });
  await chain.request(testCall(), request());
  const reselect = request('c', { state: ConnectionState.RESELECT_REQUESTED });
  await t.rejects(chain.request(testCall(), reselect), { code: 14 });
  t.equal(b.size, 0);
});

t.test('adopted: a Close works on it, and a Request for it is a refresh', async (t) => {
  const { step, requests, closes } = recordingPair();
  const { step: probe, seen } = spy();
  const b = begin();
  const chain = compose(b, probe, step);
  const state = b.adopt(conn('c', { payload: 'IP' }));
  const other = b.adopt(conn('d', { payload: 'IP' }));
  let disposed = 0;
  other.set(stateKey<Disposable>('x'), { [Symbol.dispose]: () => disposed++ });
  await chain.close(testCall(), conn('d'));
  t.match(closes, [{ id: 'd', payload: 'IP' }]);
  t.equal(disposed, 1);
  await chain.request(testCall(), request());
  t.equal(seen.states[0], state);
  t.equal(requests.length, 1);
  await chain.close(testCall(), conn());
  t.equal(b.size, 0);
});

t.test('stands in one chain, and in one at all', async (t) => {
  const b = begin();
  await t.rejects(b.request(testCall(), request()), /no chain/);
  compose(b);
  t.throws(() => compose(b), /one chain/);
});

t.test('a clock that stands still holds no timer after the calls', async (t) => {
  const clock = new ManualClock();
  const { step, seen } = spy();
  const chain = compose(begin(), step);
  await chain.request(testCall({ clock }), request());
  await seen.call?.again.request();
  await seen.call?.again.request({ reselect: true });
  await chain.close(testCall({ clock }), conn());
  t.equal(clock.timers, 0);
});

t.test('asked once more without what was answered, it goes on with that', async (t) => {
  const asked = recording();
  const chain = compose(
    begin(),
    asked,
    answering((connection) => ({
      ...connection,
      networkServiceEndpointName: 'nse',
      path: { index: 0, pathSegments: [segment('c'), segment('behind')] },
    })),
  );
  const first = request('c', { path: { index: 0, pathSegments: [segment('c')] } });
  await chain.request(testCall(), first);
  await chain.request(testCall(), first);
  const again = asked.requests[1]?.connection;
  t.equal(again?.networkServiceEndpointName, 'nse');
  t.same(
    again?.path?.pathSegments.map(({ id }) => id),
    ['c', 'behind'],
  );
});

t.test('choosing anew asks for none of the addresses of the former endpoint', async (t) => {
  const asked = recording();
  const own = spy();
  const ipContext = (address: string) => ({
    ipContext: IPContext.fromPartial({ srcIpAddrs: [address] }),
  });
  const chain = compose(
    begin(),
    own.step,
    asked,
    answering((connection) => withContext(connection, ipContext('192.0.2.7/32'))),
  );
  await chain.request(testCall(), request());
  await own.seen.agains[0]?.request();
  await own.seen.agains[0]?.request({ reselect: true });
  const addresses = asked.requests.map(({ connection }) => ipOf(connection).srcIpAddrs);
  t.same(addresses, [[], ['192.0.2.7/32'], []]);
});

t.test('a Close of an unknown id is passed on where its path goes on', async (t) => {
  const seen = recording();
  const chain = compose(begin(), seen);
  const path = (...ids: string[]) => ({ path: { index: 0, pathSegments: ids.map(segment) } });
  await chain.close(testCall(), conn('c', path('c')));
  t.equal(seen.closes.length, 0);
  await chain.close(testCall(), conn('c', path('c', 'behind')));
  t.equal(seen.closes[0]?.id, 'c');
});
