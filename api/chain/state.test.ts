// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { State, stateKey } from './state.js';

function scene() {
  const log: string[] = [];
  const thing = (name: string): Disposable => ({ [Symbol.dispose]: () => log.push(name) });
  return { log, thing, state: new State() };
}

t.test('typed keys; two of one name are two', async (t) => {
  const { state } = scene();
  const [a, b] = [stateKey<number>('x'), stateKey<number>('x')];
  t.equal(state.set(a, 1), 1);
  t.equal(state.get(a), 1);
  t.equal(state.get(b), undefined);
  t.equal(
    state.getOr(a, () => 2),
    1,
  );
  t.equal(
    state.getOr(b, () => 3),
    3,
  );
  t.equal(state.take(a), 1);
  t.equal(state.get(a), undefined);
});

t.test('what is replaced or deleted is disposed, what is taken is not', async (t) => {
  const { log, thing, state } = scene();
  const key = stateKey<Disposable>('x');
  const kept = state.set(key, thing('a'));
  state.set(key, kept);
  t.same(log, []);
  state.set(key, thing('b'));
  t.same(log.splice(0), ['a']);
  state.delete(key);
  state.delete(key);
  t.same(log.splice(0), ['b']);
  state.set(key, thing('c'));
  state.take(key);
  state[Symbol.dispose]();
  t.same(log, []);
});

t.test('at the end all is disposed, newest first, and nothing is kept after it', async (t) => {
  const { log, thing, state } = scene();
  const keys = ['a', 'b', 'c'].map((name) => [stateKey<unknown>(name), name] as const);
  for (const [key, name] of keys) state.set(key, thing(name));
  state.set(stateKey<unknown>('plain'), 'text');
  state.set(stateKey<unknown>('null'), null);
  const [first] = keys;
  if (first) state.set(first[0], thing('a again'));
  t.same(log.splice(0), ['a']);
  state[Symbol.dispose]();
  t.same(log.splice(0), ['a again', 'c', 'b']);
  state[Symbol.dispose]();
  t.same(log, []);
  state.set(stateKey<unknown>('late'), thing('late'));
  t.same(log, ['late']);
});
