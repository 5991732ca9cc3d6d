// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { flipMs, LinkLabels, slowMs, type LinkFigures } from './link-labels.js';

const figures = (change: Partial<LinkFigures> = {}): LinkFigures => ({
  ...{ name: 'fibre', state: 'up', rttMs: 20, lossPercent: 0 },
  ...change,
});
const good = { state: 'up', rtt: 'low', loss: 'low' };

t.test('the first word at once, then slowly; up and down at once, but not too often', (t) => {
  const link = new LinkLabels();
  t.strictSame(link.labels, {});
  t.notOk(link.tell(0));
  t.equal(link.learn(figures(), 0), 0);
  t.ok(link.tell(0));
  t.strictSame(link.labels, good);
  t.equal(link.learn(figures(), 1_000), undefined, 'nothing new');

  t.equal(link.learn(figures({ state: 'degraded', rttMs: 200 }), 1_000), slowMs - 1_000);
  t.notOk(link.tell(1_000));
  t.ok(link.tell(slowMs));
  t.strictSame(link.labels, { state: 'degraded', rtt: 'high', loss: 'low' });

  const nowMs = slowMs + flipMs;
  t.equal(link.learn(figures({ state: 'down' }), nowMs), 0);
  t.ok(link.tell(nowMs));
  t.strictSame(link.labels, { state: 'down' }, 'figures of a dead link are old ones');
  t.equal(link.learn(figures(), nowMs + 1), flipMs - 1);
  t.equal(link.learn(figures({ state: 'down' }), nowMs + 2), undefined, 'and nobody has noticed');
  t.equal(link.learn(figures(), nowMs + flipMs), 0);
  t.ok(link.tell(nowMs + flipMs));
  t.strictSame(link.labels, good);
  t.equal(link.learn(figures({ state: 'degraded' }), 0), slowMs, 'a clock that was set back');
  t.end();
});

t.test('a border has a width', (t) => {
  const link = new LinkLabels();
  let nowMs = 0;
  const rtt = (rttMs: number | null) => {
    nowMs += slowMs;
    link.learn(figures({ rttMs }), nowMs);
    link.tell(nowMs);
    return link.labels['rtt'];
  };
  t.strictSame([null, 51, 46, 44, 54, 56].map(rtt), [
    ...[undefined, 'medium', 'medium', 'low', 'low', 'medium'],
  ]);
  t.strictSame([160, 170, 140, 130, null, 20].map(rtt), [
    ...['medium', 'high', 'high', 'medium', 'medium', 'low'],
  ]);
  t.end();
});
