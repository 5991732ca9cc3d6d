// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { status } from '@grpc/grpc-js';
import { compose } from '../chain/compose.js';
import type { Call } from '../chain/call.js';
import { WireError } from '../errors/wire-error.js';
import { recording, testCall, testRequest } from '../../test/doubles/elements.js';
import { ManualClock } from '../../test/doubles/manual-clock.js';
import { retry } from './retry.js';

const gone = new WireError(status.UNAVAILABLE, 'gone');

/** Fails with each error in turn, then succeeds; `hang` waits for its deadline. */
function scene(...outcomes: (Error | 'hang')[]) {
  const clock = new ManualClock();
  const calls: Call[] = [];
  const chain = compose(retry(), {
    ...recording(),
    async request(call, request, next) {
      calls.push(call);
      const outcome = outcomes.shift();
      if (outcome === 'hang') {
        await new Promise((_, reject) => {
          call.signal.addEventListener('abort', () => {
            reject(call.signal.reason as Error);
          });
        });
      }
      if (outcome instanceof Error) throw outcome;
      return next(call, request);
    },
  });
  return { clock, calls, chain };
}
const request = testRequest({ id: 'c' });

t.test('each 200 ms until it succeeds', async (t) => {
  const { clock, calls, chain } = scene(gone, gone);
  const answer = chain.request(testCall({ clock }), request);
  await clock.advance(200);
  t.equal(calls.length, 2);
  await clock.advance(200);
  t.equal((await answer).id, 'c');
  t.equal(calls.length, 3);
  t.equal(clock.timers, 0);
});

t.test('a try has its own deadline, never later than the call', async (t) => {
  const { clock, calls, chain } = scene('hang');
  const call = testCall({ clock, deadlineMs: clock.now() + 60_000 });
  const answer = chain.request(call, request);
  await clock.advance(15_200);
  await answer;
  t.equal(calls.length, 2);
  t.equal(calls[0]?.deadlineMs, call.deadlineMs - 45_000);
  const short = scene();
  await short.chain.request(
    testCall({ clock: short.clock, deadlineMs: short.clock.now() + 9 }),
    request,
  );
  t.equal(short.calls[0]?.deadlineMs, short.clock.now() + 9);
});

t.test('who gives up hears the last failure', async (t) => {
  const { clock, chain } = scene(gone, gone);
  const abort = new AbortController();
  const answer = t.rejects(chain.request(testCall({ clock, signal: abort.signal }), request), gone);
  await clock.advance(200);
  abort.abort();
  await answer;
  t.equal(clock.timers, 0);

  const during = scene('hang');
  const late = new AbortController();
  const call = testCall({ clock: during.clock, signal: late.signal });
  const hanging = t.rejects(during.chain.request(call, request), /enough/);
  late.abort(new Error('enough'));
  await hanging;
});

t.test('what would be refused again is not asked again', async (t) => {
  for (const code of [status.INVALID_ARGUMENT, status.UNIMPLEMENTED, status.PERMISSION_DENIED]) {
    const { clock, calls, chain } = scene(new WireError(code, 'no'));
    await t.rejects(chain.request(testCall({ clock }), request), { code });
    t.equal(calls.length, 1);
  }
  const { chain } = scene();
  await chain.close(testCall(), request.connection);
});
