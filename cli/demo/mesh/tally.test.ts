// SPDX-License-Identifier: Apache-2.0
/** Which phase a request is counted in, and when it was on a wrong link. */
import t from 'tap';
import type { Answered } from '../../../lab/http/types.js';
import { phaseOf, tally, type Phase, type Sights } from './tally.js';

const phase = (name: string, fromMs: number, toMs: number, links: readonly string[]): Phase => ({
  name,
  fromMs,
  toMs,
  changing: links.length > 1,
  may: { boss: links },
});
const before = phase('before', 0, 100, ['fibre']);
const change = phase('change', 100, 200, ['fibre', 'lte']);
const after = phase('after', 200, 300, ['lte']);
const phases = [before, change, after];
const asked = (number: number, atMs: number, tookMs: number, error?: string): Answered => ({
  user: 'boss',
  number,
  protocol: 'http1',
  atMs,
  tookMs,
  ...(error === undefined ? {} : { error }),
});
const sights = (fibre: readonly number[], lte: readonly number[]): Sights => ({
  fibre: (_user, number) => fibre.includes(number),
  lte: (_user, number) => lte.includes(number),
});

t.test('a request belongs to the phase it was in, or to the change it met', (t) => {
  const cases: readonly (readonly [atMs: number, tookMs: number, name: string | undefined])[] = [
    [0, 50, 'before'],
    [50, 60, 'change'],
    [50, 250, 'change'],
    [150, 1, 'change'],
    [199, 50, 'change'],
    [200, 10, 'after'],
    [300, 10, undefined],
  ];
  for (const [atMs, tookMs, name] of cases) {
    t.equal(phaseOf({ atMs, tookMs }, phases)?.name, name, `${String(atMs)} + ${String(tookMs)}`);
  }
  t.end();
});

t.test('requests by link, and those on a wrong one', (t) => {
  const answered = [asked(1, 0, 10), asked(2, 10, 30), asked(3, 20, 20), asked(4, 30, 5, '503')];
  const seen = sights([1, 2], [2, 4]);
  t.match(tally(answered, seen, before, phases), [
    {
      user: 'boss',
      requests: 4,
      failed: 1,
      errors: ['503'],
      links: { fibre: 2, lte: 2 },
      wrong: 2,
      unseen: 1,
      p50Ms: 20,
      longestMs: 30,
    },
  ]);
  const meanwhile = [asked(1, 110, 10), asked(2, 120, 20)];
  t.match(
    tally(meanwhile, seen, change, phases),
    [{ wrong: 0, unseen: 0 }],
    'both links are right',
  );
  t.match(tally([asked(1, 210, 10)], seen, after, phases), [{ wrong: 1 }]);
  t.end();
});
