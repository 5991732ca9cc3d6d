// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import type { QualityNews } from '../operator/quality-answer.js';
import type { Link } from '../underlay/link.js';
import type { FigureStrand } from './figures.js';
import { LinkNews } from './link-news.js';

const link = (name: string, up = true) => ({ config: { name }, up }) as unknown as Link;

t.test('a state at once, a figure every ten seconds, nothing where nothing changed', (t) => {
  let [now, rttMs, isUsable] = [0, 20, true];
  const strands = () =>
    [
      { link: 'fibre', peer: 'cloud', isUsable, judged: { state: 'up', rttMs } },
    ] as unknown as FigureStrand[];
  const links = () => [link('fibre'), link('spare'), link('gone', false)];
  const news = new LinkNews({ links, strands, now: () => now });
  const heard: QualityNews[] = [];
  news.look();
  const following = news.follow((one) => heard.push(one));
  t.match(heard[0]?.links, [
    { name: 'fibre', state: 'up', rttMs: 20, lossPercent: null },
    { name: 'spare', state: 'up', rttMs: null },
    { name: 'gone', state: 'down', rttMs: null },
  ]);
  const count = () => {
    news.look();
    return heard.splice(0).length;
  };
  count();
  t.equal(count(), 0);
  rttMs = 30;
  now = 9_999;
  t.equal(count(), 0);
  isUsable = false;
  t.equal(count(), 1);
  now = 19_998;
  rttMs = 40;
  t.equal(count(), 0);
  now = 19_999;
  t.equal(count(), 1);
  now = 60_000;
  t.equal(count(), 0);
  following[Symbol.dispose]();
  isUsable = true;
  t.equal(count(), 0);
  t.end();
});
