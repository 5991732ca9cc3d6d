// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { Sightings } from './sightings.js';

function line(user: string, number: number, direction: string): string {
  return JSON.stringify({ user, number, direction, at: 1_763_711_111_111.123 });
}

t.test('requests by user and direction, each once', async (t) => {
  const sightings = new Sightings();
  for (const one of [
    line('boss', 1, 'out'),
    line('boss', 1, 'in'),
    line('boss', 2, 'out'),
    line('boss', 2, 'out'),
    line('minion', 1, 'in'),
  ])
    sightings.take(one);
  t.strictSame(Object.fromEntries(sightings.seen()), {
    boss: { out: 2, in: 1 },
    minion: { out: 0, in: 1 },
  });
  t.strictSame([...sightings.ids('boss', 'out')], [1, 2]);
  t.strictSame([...sightings.ids('boss', 'in')], [1]);
  t.strictSame([...sightings.ids('minion')], [1], 'in either direction');
  t.equal(sightings.ids('nobody').size, 0);
});

t.test('users that are called like what every object has', async (t) => {
  const sightings = new Sightings();
  sightings.take(line('__proto__', 1, 'out'));
  sightings.take(line('constructor', 2, 'in'));
  t.equal(sightings.seen().get('__proto__')?.out, 1);
  t.ok(sightings.ids('constructor', 'in').has(2));
});

t.test('the summary', async (t) => {
  const sightings = new Sightings();
  const summary = { tokens: 3, packets: 9, drops: 0, truncated: 0, overflow: 0, forgotten: 0 };
  t.equal(sightings.summary, undefined);
  sightings.take(JSON.stringify(summary));
  t.strictSame(sightings.summary, summary);
});

for (const wrong of [
  '',
  'ready',
  'null',
  '[]',
  '{}',
  '{"tokens":3}',
  '{"user":"boss","number":"1","direction":"out"}',
  line('boss', 1, 'up'),
]) {
  t.test(`no witness says ${JSON.stringify(wrong)}`, async (t) => {
    t.throws(() => {
      new Sightings().take(wrong);
    }, /a witness says/);
  });
}
