// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { testCall } from '../../test/doubles/elements.js';
import type { Call } from './call.js';
import { Rollback } from './rollback.js';

t.test('undoes newest first, past failures, on a detached call', async (t) => {
  const abort = new AbortController();
  abort.abort();
  const call = testCall({ signal: abort.signal, deadlineMs: 0 });
  const log: string[] = [];
  const seen: Call[] = [];
  const act = async (): Promise<void> => {
    await using rollback = new Rollback(call);
    for (const name of ['first', 'second', 'third']) {
      rollback.add((late) => {
        log.push(name);
        seen.push(late);
        return name === 'second' ? Promise.reject(new Error('stuck')) : Promise.resolve();
      });
    }
    throw new Error('what went wrong');
  };
  await t.rejects(act(), /what went wrong/);
  t.same(log, ['third', 'second', 'first']);
  for (const late of seen) {
    t.equal(late.signal.aborted, false);
    t.ok(late.deadlineMs > Date.now());
    t.equal(late.state, call.state);
  }
});

t.test('committed, or with nothing to undo, it does nothing', async (t) => {
  const rollback = new Rollback(testCall());
  rollback.add(() => Promise.resolve(t.fail('undone')).then());
  rollback.commit();
  await rollback[Symbol.asyncDispose]();
  const twice = new Rollback(testCall());
  let undone = 0;
  twice.add(() => Promise.resolve(void undone++));
  await twice[Symbol.asyncDispose]();
  await twice[Symbol.asyncDispose]();
  t.equal(undone, 1);
});
