// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { ManualClock } from '../../test/doubles/manual-clock.js';
import { testCall } from '../../test/doubles/elements.js';
import { lateMs, detached } from './call.js';
import { abortReason, delay, systemClock } from './clock.js';
import { Deadline } from './deadline.js';

t.test("the machine's clock", async (t) => {
  t.ok(Math.abs(systemClock.now() - Date.now()) < 1_000);
  await new Promise<void>((resolve) => {
    systemClock.after(-5, resolve);
    // Ours does not keep the process alive.
    setTimeout(resolve, 5_000).unref();
  });
  const never = systemClock.after(2 ** 40, () => t.fail('fired at once'));
  await new Promise((resolve) => setImmediate(resolve));
  never.cancel();
  never[Symbol.dispose]();
});

t.test('what has come by then is read before a timer acts', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  t.teardown(() => socket.destroy());
  const [[peer]] = await Promise.all([accepted, once(socket, 'connect')]);
  const order: string[] = [];
  socket.on('data', () => order.push('answer'));
  await new Promise<void>((resolve) => {
    // Here timers come next, then what can be read.
    setImmediate(() => {
      systemClock.after(10, () => {
        order.push('timer');
        resolve();
      });
      peer.write('answer');
      const until = performance.now() + 50;
      while (performance.now() < until);
    });
  });
  t.same(order, ['answer', 'timer']);
});

t.test('a delay ends with its time or with its signal', async (t) => {
  const clock = new ManualClock();
  const abort = new AbortController();
  const waited = delay(clock, 100, abort.signal);
  await clock.advance(100);
  await waited;
  const cut = t.rejects(delay(clock, 100, abort.signal), /enough/);
  abort.abort(new Error('enough'));
  await cut;
  await t.rejects(delay(clock, 100, abort.signal), /enough/);
  t.equal(clock.timers, 0);
  const alone = delay(clock, 1);
  await clock.advance(1);
  await alone;
});

t.test('the reason of an abort is an Error, whatever was said', async (t) => {
  t.match(abortReason(AbortSignal.abort('text')), { name: 'AbortError' });
  t.match(abortReason(undefined), { name: 'AbortError' });
  t.match(abortReason(AbortSignal.abort(new TypeError('x'))), { name: 'TypeError' });
});

t.test('a deadline', async (t) => {
  const clock = new ManualClock();
  const passed = new Deadline(clock, 100);
  t.equal(passed.atMs, clock.now() + 100);
  await clock.advance(100);
  t.match(passed.signal.reason, { name: 'TimeoutError' });

  const parent = new AbortController();
  using child = new Deadline(clock, 100, parent.signal);
  const call = child.over(testCall());
  t.equal(call.signal, child.signal);
  t.equal(call.deadlineMs, child.atMs);
  const over = new Deadline(clock, 100, parent.signal);
  over[Symbol.dispose]();
  parent.abort(new Error('enough'));
  t.match(child.signal.reason, { message: 'enough' });
  t.equal(over.signal.aborted, false);
  t.equal(new Deadline(clock, 100, parent.signal).signal.aborted, true);
  t.equal(clock.timers, 0);
});

t.test('a detached call is deaf to the caller', async (t) => {
  const clock = new ManualClock();
  const late = detached(testCall({ clock, signal: AbortSignal.abort() }));
  t.equal(late.signal.aborted, false);
  t.equal(late.deadlineMs, clock.now() + lateMs);
});
