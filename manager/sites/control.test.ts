// SPDX-License-Identifier: Apache-2.0
import { status } from '@grpc/grpc-js';
import t from 'tap';
import { WireError } from '../../api/errors/wire-error.js';
import type { Serving } from '../../api/grpc/serve.js';
import { silentLogger } from '../../api/log/log.js';
import { ManualClock } from '../../test/doubles/manual-clock.js';
import { ControlListeners } from './control.js';

function scene() {
  const clock = new ManualClock();
  const open = new Set<string>();
  const failures = new Map<string, Error>();
  const tries: string[] = [];
  const serve = (url: string): Promise<Serving> => {
    tries.push(url);
    const failure = failures.get(url);
    if (failure !== undefined) return Promise.reject(failure);
    open.add(url);
    const close = (): Promise<void> => {
      open.delete(url);
      return Promise.resolve();
    };
    return Promise.resolve({ urls: [url], close });
  };
  const listeners = new ControlListeners({ serve, clock, log: silentLogger() });
  return { clock, open, failures, tries, listeners };
}

t.test('listeners follow the list', async (t) => {
  const { open, tries, listeners } = scene();
  await listeners.set(['192.0.2.1:5001', '192.0.2.2:5001']);
  t.same([...open], ['tcp://192.0.2.1:5001', 'tcp://192.0.2.2:5001']);
  await listeners.set(['192.0.2.2:5001', '192.0.2.3:5001']);
  t.same([...open], ['tcp://192.0.2.2:5001', 'tcp://192.0.2.3:5001']);
  t.equal(tries.length, 3, 'what stays is not opened again');
  t.same(listeners.urls, [...open]);
  await listeners.close(0);
  t.same([...open], []);
});

t.test(
  'an address that is not there yet is tried again until it is, or is taken off the list',
  async (t) => {
    const { clock, open, failures, tries, listeners } = scene();
    const url = 'tcp://192.0.2.1:5001';
    failures.set(url, new WireError(status.UNAVAILABLE, 'EADDRNOTAVAIL'));
    await listeners.set(['192.0.2.1:5001']);
    await clock.advance(300_000);
    t.ok(tries.length > 5 && tries.length < 30, 'with pauses that grow and are bounded');
    failures.delete(url);
    await clock.advance(30_000);
    t.same([...open], [url]);
    t.equal(clock.timers, 0);

    failures.set('tcp://192.0.2.9:1', new Error('taken'));
    await listeners.set(['192.0.2.9:1']);
    t.equal(clock.timers, 1);
    await listeners.set([]);
    t.equal(clock.timers, 0);
    t.same([...open], []);
  },
);

t.test('one that must not be listened on is refused', async (t) => {
  const { clock, failures, listeners } = scene();
  failures.set('tcp://192.0.2.1:5001', new WireError(status.FAILED_PRECONDITION, 'in plaintext'));
  await t.rejects(listeners.set(['192.0.2.1:5001']), { message: 'in plaintext' });
  t.equal(clock.timers, 0);
  await listeners.close(0);
});
