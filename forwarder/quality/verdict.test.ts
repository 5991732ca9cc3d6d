// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { binomialTail } from './binomial.js';
import type { Tally } from './history.js';
import { HoldDown } from './hold-down.js';
import { pace } from './pace.js';
import { profiles } from './profiles.js';
import { judge, keeps, score } from './verdict.js';

t.test('the chance of so many losses', async (t) => {
  const cases: readonly (readonly [number, number, number, number])[] = [
    [0, 10, 0.1, 1],
    [1, 1, 0.25, 0.25],
    [1, 2, 0.5, 0.75],
    [5, 10, 0.5, 638 / 1024],
    [10, 10, 0.5, 1 / 1024],
    [11, 10, 0.5, 0],
    [3, 10, 0, 0],
    [3, 10, 1, 1],
  ];
  for (const [hits, trials, p, chance] of cases) {
    t.ok(
      Math.abs(binomialTail(hits, trials, p) - chance) < 1e-9,
      `${String(hits)} of ${String(trials)} at ${String(p)}`,
    );
  }
  t.ok(binomialTail(12, 150, 0.01) < 1e-7 && binomialTail(11, 150, 0.01) > 1e-7);
  t.ok(Math.abs(binomialTail(60, 6000, 0.01) - 0.52) < 0.02, 'long windows, too');
});

/** A second of 50 probes, `times` as long. */
const tally = (lostPercent: number, rtt = 20, jitter = 1, times = 1): Tally => {
  const probes = 50 * times;
  const lost = Math.round((lostPercent * probes) / 100);
  const answers = probes - lost;
  const [rttSumMs, jitterSumMs] = [rtt * answers, jitter * answers];
  const spanMs = 1000 * times;
  return { spanMs, probes, lost, answers, rttSumMs, jitterSumMs, lostOut: lost, lostBack: 0 };
};
const sum = (a: Tally, b: Tally): Tally => ({
  spanMs: a.spanMs + b.spanMs,
  probes: a.probes + b.probes,
  lost: a.lost + b.lost,
  answers: a.answers + b.answers,
  rttSumMs: a.rttSumMs + b.rttSumMs,
  jitterSumMs: a.jitterSumMs + b.jitterSumMs,
  lostOut: a.lostOut + b.lostOut,
  lostBack: a.lostBack + b.lostBack,
});
const windows = (before: Tally, short: Tally) => ({ short, before, long: sum(before, short) });
const sla = { rttMs: 80, jitterMs: 30, lossPercent: 1 };

t.test('both windows must break it, by more than chance', async (t) => {
  const of = (before: Tally, short: Tally) => judge(windows(before, short), sla);
  t.same(of(tally(0, 20, 1, 2), tally(0)), {
    broken: undefined,
    isDoubted: false,
    isSuspected: false,
    looksBad: false,
  });
  t.match(of(tally(10, 20, 1, 2), tally(10)).broken, 'loss 10.0 % of 150 probes (SLA 1 %)');
  t.same(
    of(tally(0, 20, 1, 2), tally(40)),
    { broken: undefined, isDoubted: true, isSuspected: false, looksBad: true },
    'a burst',
  );
  t.same(
    of(tally(20, 20, 1, 2), tally(0)),
    { broken: undefined, isDoubted: false, isSuspected: false, looksBad: true },
    'over',
  );
  t.equal(of(tally(4, 20, 1, 2), tally(4)).broken, undefined, 'chance');
  t.match(of(tally(0, 100, 1, 2), tally(0, 100)).broken, 'RTT 100 ms (SLA 80 ms)');
  t.equal(of(tally(0, 81, 30, 2), tally(0, 81, 30)).broken, undefined, 'within the jitter');
  t.match(of(tally(0, 20, 60, 2), tally(0, 20, 60)).broken, 'jitter 60.0 ms (SLA 30 ms)');
  t.equal(of(tally(0, 20, 36, 2), tally(0, 20, 36)).broken, undefined, 'chance');
  t.match(
    of(tally(20, 160, 60, 2), tally(20, 160, 60)).broken,
    /^loss .*, RTT 160 ms .*, jitter 60\.0 ms/,
  );
  t.equal(judge(windows(tally(30), tally(30)), { rttMs: 80 }).broken, undefined, 'not asked for');
});

t.test(
  'with TCP as a second witness probes must be less sure, and they must be there',
  async (t) => {
    const tcp = { segments: 450, resent: 27, rttSumMs: 9_000, rttMinMs: 20 };
    const told = (one: ReturnType<typeof windows>) => ({ ...one, long: { ...one.long, tcp } });
    const some = windows(tally(6, 20, 1, 2), tally(6));
    t.equal(judge(some, sla).broken, undefined, 'by themselves they are not sure enough');
    t.match(
      judge(told(some), sla).broken,
      'loss 6.0 % of 150 probes, 6.0 % of 450 TCP segments sent again (SLA 1 %)',
    );
    const much = judge(told(windows(tally(20, 20, 1, 2), tally(20))), sla);
    t.match(much.broken, 'loss 20.0 % of 150 probes (SLA 1 %)', 'not needed, not named');
    const little = judge(told(windows(tally(4, 20, 1, 2), tally(4))), sla);
    t.match(little, { broken: undefined, isDoubted: false, isSuspected: true }, 'TCP, and chance');
    t.match(judge(told(some), { lossPercent: 10 }), { broken: undefined, isSuspected: false });
    const over = told(windows(tally(20, 20, 1, 2), tally(0)));
    t.equal(judge(over, { lossPercent: 5 }).broken, undefined, 'what is over is over');
  },
);

t.test('an SLA without any loss bears one, and nothing is said of nine answers', async (t) => {
  const none = { lossPercent: 0 };
  t.equal(judge(windows(tally(2, 20, 1, 2), tally(2)), none).broken, undefined);
  t.match(judge(windows(tally(6, 20, 1, 2), tally(6)), none).broken, /SLA 0 %/);
  const few = { ...tally(0, 500), answers: 9, rttSumMs: 4500 };
  t.equal(judge(windows(few, few), { rttMs: 80 }).broken, undefined);
  t.equal(keeps(few, sla), false);
  t.equal(keeps(tally(0), sla), true);
  t.equal(keeps(tally(2), sla), false);
});

t.test('how bad it is: by the worst figure', async (t) => {
  t.match(score(tally(10), sla), { times: 10 });
  t.match(score(tally(10, 1600), sla), { times: 20 });
  t.match(score(undefined, sla), { times: Infinity });
  t.match(score(tally(0, 40, 3), { rttMs: 80 }), { times: 0.5 });
});

t.test('the hold-down doubles with each relapse, up to its maximum, and falls again', async (t) => {
  const hold = new HoldDown();
  const { fixed } = profiles;
  t.equal(hold.lengthMs(fixed), 10_000);
  const lengths: number[] = [];
  let nowMs = 0;
  for (let relapse = 0; relapse < 7; relapse++) {
    hold.failed(nowMs);
    lengths.push(hold.lengthMs(fixed));
    nowMs += 100_000;
    hold.trusted(nowMs);
    nowMs += 100_000;
  }
  t.same(lengths, [10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000]);
  hold.failed(nowMs + 1_300_000);
  t.equal(hold.lengthMs(fixed), 300_000, 'two of the seven are forgotten, one is new');
  hold.failed(nowMs + 1_300_000 + 3_100_000);
  t.equal(hold.lengthMs(fixed), 20_000);
  hold.failed(nowMs + 20_000_000);
  t.equal(hold.lengthMs(fixed), 10_000);
});

t.test(
  'probes go closer in doubt and on lossy strands, and silence then takes longer',
  async (t) => {
    const usual = {
      settings: profiles.fixed,
      metered: true,
      isIdle: false,
      isSpare: true,
      isDoubted: false,
      windows: undefined,
    };
    const lossy = (percent: number) => windows(tally(percent, 20, 1, 2), tally(percent));
    const cases: readonly (readonly [Partial<typeof usual> | object, number, number])[] = [
      [{}, 20, 100],
      [{ isIdle: true }, 1000, 5000],
      [{ isIdle: true, metered: false }, 20, 100],
      [{ isIdle: true, isSpare: false }, 20, 100],
      [{ isIdle: true, isDoubted: true }, 10, 100],
      [{ isDoubted: true }, 10, 100],
      [{ windows: lossy(2) }, 20, 100],
      [{ windows: lossy(10) }, 10, 100],
      [{ windows: lossy(50) }, 10, 270],
      [{ windows: lossy(90) }, 10, 500],
      [{ windows: lossy(100) }, 10, 100],
    ];
    for (const [more, intervalMs, detectionMs] of cases) {
      t.same(pace({ ...usual, ...more }), { intervalMs, detectionMs });
    }
  },
);
