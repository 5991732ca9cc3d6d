// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { Numbers } from './numbers.js';

t.test('a name keeps its number, and a free number is given again last', (t) => {
  const numbers = new Numbers('things', 5);
  t.same(
    ['a', 'b', 'c'].map((name) => numbers.of(name)),
    [1, 2, 3],
  );
  t.equal(numbers.of('b'), 2);
  numbers.free(2);
  t.equal(numbers.find('b'), undefined);
  t.equal(numbers.of('d'), 4, 'not the one that was just given back');
  t.equal(numbers.rounds, 1);
  t.equal(numbers.of('e'), 2);
  t.end();
});

t.test('when all are in use, it says so', (t) => {
  const numbers = new Numbers('things', 3);
  numbers.of('a');
  numbers.of('b');
  t.throws(() => numbers.of('c'), { code: 8, message: 'things: all 2 are in use' });
  numbers.free(1);
  t.equal(numbers.of('c'), 1);
  t.end();
});

t.test('what a former life gave is not given again', (t) => {
  const numbers = new Numbers('things', 4);
  numbers.take(1, 'old');
  t.equal(numbers.of('new'), 2);
  t.equal(numbers.of('old'), 1);
  t.end();
});
