// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { figuresOf, metricsOf, type FigureStrand } from './figures.js';
import type { LinkState, StrandState } from './states.js';

const strand = (
  state: LinkState | undefined,
  measured: Partial<StrandState> = {},
  isUsable = true,
): FigureStrand => ({
  ...{ link: 'fibre', peer: 'cloud', isUsable, detectionMs: 100 },
  judged: state && {
    ...{ strand: 1, state, sinceMs: 0, why: '', breaks: [], spared: [] },
    ...{ windowMs: 0, probes: 0, answers: 0, ...measured },
  },
});

t.test('as the best strand is; what is not usable is down, whatever was judged', (t) => {
  t.match(
    figuresOf([
      strand('degraded', { rttMs: 1 }),
      strand('up', { rttMs: 40, lossPercent: 1 }),
      strand('up', { rttMs: 20, jitterMs: 2, lossPercent: 0.5 }),
      strand('up', { rttMs: 2 }, false),
    ]),
    { state: 'up', usable: 3, rttMs: 20, jitterMs: 2, lossPercent: 0.5, detectionMs: 340 },
  );
  const states = (...of: (LinkState | undefined)[]) =>
    figuresOf(of.map((one) => strand(one))).state;
  t.equal(states('down', 'held'), 'degraded');
  t.equal(states('degraded', 'returning'), 'up');
  t.equal(states(undefined, 'degraded'), 'up', 'nothing bad is known of it');
  t.equal(states('down'), 'down');
  t.strictSame(figuresOf([]).state, 'down');
  t.end();
});

t.test('metrics are short decimal numbers, and none of what is not known', (t) => {
  t.strictSame(
    metricsOf(figuresOf([strand('up', { rttMs: 20.04, jitterMs: 0.26, lossPercent: 0.123 })])),
    {
      ...{ state: 'up', rtt_ms: '20.0', jitter_ms: '0.3', loss_percent: '0.12' },
      ...{ strands_usable: '1', detection_ms: '322' },
    },
  );
  const stock = { ...strand(undefined), detectionMs: undefined };
  t.strictSame(metricsOf(figuresOf([stock])), { state: 'up', strands_usable: '1' });
  t.end();
});
