// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { status } from '@grpc/grpc-js';
import type { Call } from '../chain/call.js';
import { compose } from '../chain/compose.js';
import type { Chain, Request } from '../chain/element.js';
import { stateKey } from '../chain/state.js';
import { WireError } from '../errors/wire-error.js';
import { Connection, State as ConnectionState } from '../gen/connection.js';
import { testCall, testRequest } from '../../test/doubles/elements.js';
import { ManualClock, settle } from '../../test/doubles/manual-clock.js';
import { begin, type Begin } from './begin.js';

/** What the element behind `begin` saw, and what it does next. */
class Behind {
  readonly log: string[] = [];
  readonly requests: Request[] = [];
  readonly calls: Call[] = [];
  fail: Error | undefined;
  hang = false;
  readonly begin: Begin = begin();
  readonly chain: Chain = compose(this.begin, {
    kind: 'step',
    name: 'behind',
    request: async (call, request, next) => {
      this.log.push('request');
      this.requests.push(request);
      this.calls.push(call);
      if (this.fail) throw this.fail;
      if (this.hang) {
        await new Promise((_resolve, reject) => {
          call.signal.addEventListener('abort', () => {
            reject(call.signal.reason as Error);
          });
        });
      }
      const mechanism = { cls: 'LOCAL', type: 'KERNEL', parameters: { name: 'nsm-1' } };
      return next(call, {
        ...request,
        connection: { ...request.connection, mechanism, networkServiceEndpointName: 'nse-1' },
      });
    },
    close: (call) => {
      this.log.push('close');
      this.calls.push(call);
      return Promise.resolve();
    },
  });
  get last(): Call {
    return this.calls.at(-1) as Call;
  }
}

const preferences = [{ cls: 'LOCAL', type: 'KERNEL', parameters: {} }];
const wish = testRequest({ id: 'c', networkService: 'hello' }, preferences);
const token = { token: 'a.b.c', expiresMs: 1 };

t.test('sends the last Request again with what was answered to it', async (t) => {
  const behind = new Behind();
  const clock = new ManualClock();
  await behind.chain.request(testCall({ clock, token }), wish);
  await behind.last.again.request();
  t.match(behind.requests[1], {
    connection: { id: 'c', networkServiceEndpointName: 'nse-1', mechanism: { type: 'KERNEL' } },
    mechanismPreferences: preferences,
  });
  t.equal(behind.last.own, true);
  t.equal(behind.last.token, undefined);
  t.equal(behind.last.deadlineMs, clock.now() + 15_000);
  t.equal(behind.last.state, behind.calls[0]?.state);
});

t.test('reselect: closes, and forgets mechanism and endpoint', async (t) => {
  const behind = new Behind();
  await behind.chain.request(testCall(), wish);
  await behind.last.again.request({ reselect: true });
  t.same(behind.log, ['request', 'close', 'request']);
  t.match(behind.requests[1]?.connection, {
    mechanism: undefined,
    networkServiceEndpointName: '',
    state: ConnectionState.RESELECT_REQUESTED,
  });
});

t.test(
  'a reselect that failed can be asked for again, with the old State until then',
  async (t) => {
    const behind = new Behind();
    await behind.chain.request(testCall(), wish);
    const { again, state } = behind.last;
    let disposed = 0;
    state.set(stateKey<Disposable>('x'), { [Symbol.dispose]: () => disposed++ });
    behind.fail = new WireError(status.UNAVAILABLE, 'nobody there');
    await t.rejects(again.request({ reselect: true }), { code: 14 });
    await t.rejects(again.request(), { code: 14 });
    t.same(behind.log, ['request', 'close', 'request', 'request'], 'closed once');
    t.match(behind.requests[2]?.connection.state, ConnectionState.RESELECT_REQUESTED);
    t.equal(disposed, 0);
    t.equal(behind.begin.size, 1);
    behind.fail = undefined;
    await again.request();
    t.equal(disposed, 1);
    t.not(behind.last.state, state);
    await again.close();
    t.equal(behind.log.at(-1), 'close');
    t.equal(behind.begin.size, 0);
  },
);

t.test('both do nothing once the connection has ended', async (t) => {
  const behind = new Behind();
  await behind.chain.request(testCall(), wish);
  const { again } = behind.last;
  const closing = behind.chain.close(testCall(), wish.connection);
  const queued = [again.request(), again.close()];
  await Promise.all([closing, ...queued]);
  await again.request();
  await again.close();
  t.same(behind.log, ['request', 'close']);
  await behind.chain.request(testCall(), wish);
  await again.close();
  t.equal(behind.begin.size, 1, 'the next life of the id is not ours');
});

t.test('before the first answer it waits, and has nothing to repeat if that fails', async (t) => {
  const behind = new Behind();
  behind.hang = true;
  const abort = new AbortController();
  const first = behind.chain.request(testCall({ signal: abort.signal }), wish);
  await settle();
  const queued = behind.last.again.request();
  abort.abort(new DOMException('too late', 'TimeoutError'));
  await t.rejects(first, { name: 'TimeoutError' });
  await queued;
  t.same(behind.log, ['request']);
  t.equal(behind.begin.size, 0);
});

t.test('an attempt ends with its deadline, its signal, or a Close from outside', async (t) => {
  const behind = new Behind();
  const clock = new ManualClock();
  await behind.chain.request(testCall({ clock }), wish);
  const { again } = behind.last;
  behind.hang = true;

  const late = t.rejects(again.request(), { name: 'TimeoutError' });
  await settle();
  await clock.advance(15_000);
  await late;

  const abort = new AbortController();
  const given = t.rejects(again.request({ signal: abort.signal }), /enough/);
  await settle();
  abort.abort(new Error('enough'));
  await given;

  const cut = t.rejects(again.request(), /closed/);
  await settle();
  await behind.chain.close(testCall({ clock }), wish.connection);
  await cut;
  t.equal(behind.begin.size, 0);
});

t.test('a call that adopted nothing yet cannot be repeated', async (t) => {
  const behind = new Behind();
  behind.begin.adopt(Connection.fromPartial({ id: 'c', payload: 'IP' }));
  await behind.chain.close(testCall(), wish.connection);
  await behind.last.again.request();
  await behind.last.again.close();
  t.same(behind.log, ['close']);
});
