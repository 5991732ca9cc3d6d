// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { MovedSessions } from './moved-sessions.js';
import type { Moves, Strand } from './told.js';

const fibre = { strand: 'fibre-cloud/wan0', link: 'fibre' };
const lte = { strand: 'lte-cloud/wan1', link: 'lte' };
const second = { strand: 'fibre-dc/wan0', link: 'fibre' };
const gone = { strand: '#7', link: '' };
type Way = readonly [from: typeof fibre, to: typeof fibre, sessions: number];

const counted = (epoch: string, ...ways: readonly Way[]): Moves => ({
  ...{ epoch, lost: 0 },
  moves: ways.map(([from, to, sessions]) => ({ from, to, sessions })),
});
const strand = ({ strand: name, link }: typeof fibre, why: string): Strand => ({
  ...{ name, link, peer: 'cloud', state: 'down', why },
  ...{ rttMs: null, jitterMs: null, lossPercent: null },
});
const messages = (moved: MovedSessions, nowMs: number): readonly string[] =>
  moved.take(nowMs, 'edge').map(({ message }) => message);

t.test('the moves of five seconds are told once', (t) => {
  const moved = new MovedSessions();
  moved.count(counted('a'), [], 0);
  t.equal(moved.dueMs, Infinity);
  moved.count(counted('a', [fibre, lte, 3]), [strand(fibre, 'silent')], 1_000);
  moved.count(counted('a', [fibre, lte, 40], [lte, fibre, 1]), [strand(fibre, 'silent')], 5_000);
  t.equal(moved.dueMs, 6_000);
  t.strictSame(moved.take(5_999, 'edge'), []);
  t.match(moved.take(6_000, 'edge'), [
    {
      ...{ reason: 'SessionsMoved', type: 'Normal', link: 'link fibre > link lte' },
      message: '40 sessions went from link fibre to link lte on node edge (cloud: silent)',
    },
    { message: '1 session went from link lte to link fibre on node edge' },
  ]);
  t.equal(moved.dueMs, Infinity);
  moved.count(counted('a', [fibre, lte, 40], [lte, fibre, 1]), [], 20_000);
  t.strictSame(messages(moved, 60_000), [], 'nothing is new');
  const well = { ...strand(fibre, 'answers'), state: 'up' };
  moved.count(counted('a', [fibre, lte, 42], [lte, fibre, 1]), [well], 60_000);
  t.strictSame(messages(moved, 65_000), [
    '2 sessions went from link fibre to link lte on node edge',
  ]);
  t.end();
});

t.test('another forwarder counts from zero, and what was not told is kept', (t) => {
  const moved = new MovedSessions();
  moved.count(counted('a', [fibre, lte, 5]), [], 0);
  moved.count(counted('b', [fibre, lte, 2]), [], 100);
  t.strictSame(messages(moved, 5_000), [
    '7 sessions went from link fibre to link lte on node edge',
  ]);
  t.end();
});

t.test('within a link, and from a strand that nobody knows any more', (t) => {
  const moved = new MovedSessions();
  moved.count(counted('a', [fibre, second, 2], [gone, lte, 1]), [], 0);
  t.strictSame(messages(moved, 5_000), [
    '2 sessions went from strand fibre-cloud/wan0 to strand fibre-dc/wan0 on node edge',
    '1 session went from strand #7 to strand lte-cloud/wan1 on node edge',
  ]);
  t.end();
});
