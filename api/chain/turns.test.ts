// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { settle } from '../../test/doubles/manual-clock.js';
import { Turns } from './turns.js';

const { signal } = new AbortController();

t.test('one at a time, in order; who gives up leaves', async (t) => {
  const turns = new Turns();
  const log: string[] = [];
  const abort = new AbortController();
  const first = await turns.take(signal);
  t.equal(turns.idle, false);
  const enter = async (name: string, by = signal): Promise<Disposable> => {
    const turn = await turns.take(by);
    log.push(name);
    return turn;
  };
  const second = enter('second');
  const bored = t.rejects(enter('bored', abort.signal), /bored/);
  const third = enter('third');
  abort.abort(new Error('bored'));
  await bored;
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  await settle();
  t.same(log, ['second'], 'a turn disposed twice lets one in');
  (await second)[Symbol.dispose]();
  (await third)[Symbol.dispose]();
  t.same(log, ['second', 'third']);
  t.equal(turns.idle, true);
  await t.rejects(turns.take(abort.signal), /bored/);
});

t.test('who has a turn may be aborted without losing it', async (t) => {
  const turns = new Turns();
  const first = await turns.take(signal);
  const abort = new AbortController();
  const second = turns.take(abort.signal);
  first[Symbol.dispose]();
  const turn = await second;
  abort.abort();
  t.equal(turns.idle, false);
  turn[Symbol.dispose]();
  t.equal(turns.idle, true);
});
