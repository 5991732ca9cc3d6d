// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { ManualClock } from '../../test/doubles/manual-clock.js';
import { flipMs, slowMs, type LinkFigures } from './link-labels.js';
import { LinkQualities } from './link-qualities.js';

const link = (name: string, state: LinkFigures['state'], rttMs = 20): LinkFigures => ({
  ...{ name, state, rttMs, lossPercent: 0 },
});

t.test('what is new is told when it may be, also when nothing more is heard', async (t) => {
  const clock = new ManualClock();
  let changes = 0;
  const links = new LinkQualities(clock, () => changes++);
  t.strictSame(links.labelsOf('fibre'), {});
  links.learn([link('fibre', 'up'), link('lte', 'up', 60)]);
  t.equal(changes, 1, 'both at once');
  t.match(links.labelsOf('lte'), { state: 'up', rtt: 'medium' });

  links.learn([link('fibre', 'degraded'), link('lte', 'down')]);
  await clock.advance(flipMs - 1);
  t.equal(changes, 1);
  await clock.advance(1);
  t.match(
    [changes, links.labelsOf('lte'), links.labelsOf('fibre')],
    [...[2, { state: 'down' }, { state: 'up' }]],
  );
  await clock.advance(slowMs - flipMs);
  t.match([changes, links.labelsOf('fibre')], [3, { state: 'degraded' }]);
  t.equal(clock.timers, 0);

  links.learn([link('fibre', 'up')]);
  t.strictSame(links.labelsOf('lte'), {}, 'it is no link any more');
  t.equal(clock.timers, 1);
  links[Symbol.dispose]();
  t.equal(clock.timers, 0);
});
