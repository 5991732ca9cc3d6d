// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { SimulatedSite } from '../../test/doubles/simulated-site.js';
import { isSuspicious, leastSegments, levelOf, Suspicion, tcpBetween } from './evidence.js';
import { replay } from './replay.js';

const voice = { number: 3, sla: { rttMs: 80, lossPercent: 1 }, names: ['p/voice'] };
const tally = (segments: number, resent: number, rttMinMs?: number) => {
  const none = { acked: 0, resent: 0, rttSumMs: 0 };
  const acked = segments - resent;
  return tcpBetween(none, { acked, resent, rttSumMs: 25 * acked, rttMinMs });
};

t.test('too little tells nothing, nor do counters that begin anew', async (t) => {
  t.equal(tally(leastSegments - 1, 20), undefined);
  t.same(tally(leastSegments, 20, 21), {
    segments: 50,
    resent: 20,
    rttSumMs: 750,
    rttMinMs: 21,
  });
  t.equal(tcpBetween(undefined, { acked: 900, resent: 9, rttSumMs: 1 }), undefined);
  const before = { acked: 1000, resent: 9, rttSumMs: 1 };
  t.equal(tcpBetween(before, { acked: 900, resent: 19, rttSumMs: 1 }), undefined);
});

t.test('how sure probes must be beside TCP', async (t) => {
  t.equal(levelOf(undefined, 0.01), 1e-7);
  t.equal(levelOf(tally(1000, 0), 0.01), 1e-7);
  t.equal(levelOf(tally(1000, 10), 0.01), 1e-7, 'as much as is allowed');
  const some = levelOf(tally(150, 7), 0.01);
  t.ok(some > 1e-7 && some < 1e-5, String(some));
  t.equal(levelOf(tally(1000, 50), 0.01), 3e-4, 'and no less sure than that');
  t.equal(levelOf(tally(1000, 1000), 0.01), 3e-4);
  t.equal(levelOf(tally(1000, 50), 0.1), 1e-7, 'another SLA');
});

t.test('what makes one look closer', async (t) => {
  const { sla } = voice;
  t.equal(isSuspicious(undefined, sla, 0.01), false);
  t.equal(isSuspicious(tally(300, 3, 20), sla, 0.01), false);
  t.equal(isSuspicious(tally(300, 12, 20), sla, 0.01), true);
  t.equal(
    isSuspicious(tally(300, 0, 110), sla, 0.01),
    false,
    'what is behind the strand takes time',
  );
  t.equal(isSuspicious(tally(300, 0, 130), sla, 0.01), true);
  t.equal(isSuspicious(tally(300, 299, 130), { jitterMs: 5 }, 1), false, 'nobody asks for it');
});

t.test('for a while, and again when it has gone', async (t) => {
  const suspicion = new Suspicion();
  const looks = (isSuspicious: boolean, nowMs: number) => {
    const isNews = suspicion.update(isSuspicious, nowMs);
    return [isNews, suspicion.isFresh(nowMs, 30_000)];
  };
  t.same(looks(false, 0), [false, false]);
  t.same(looks(true, 1_000), [true, true]);
  t.same(looks(true, 30_000), [false, true]);
  t.same(looks(true, 31_000), [false, false]);
  t.same(looks(false, 32_000), [true, false]);
  t.same(looks(true, 33_000), [true, true]);
});

/** A site of which one link has TCP on it. */
function site(seed: number): SimulatedSite {
  const links = { fibre: { segmentsPerSecond: 150 }, lte: {} };
  const made = new SimulatedSite({ seed, groups: [voice], links });
  made.run(20);
  made.told();
  return made;
}

t.test('two witnesses: loss of one direction is found sooner, and both are named', async (t) => {
  const took = (isTold: boolean): number[] =>
    Array.from({ length: 40 }, (_, seed) => {
      const made = site(seed + 1);
      if (!isTold) made.link('fibre').segmentsPerSecond = 0;
      made.link('fibre').lossOut = 0.05;
      const since = made.nowMs;
      while (made.avoid('fibre') === 0) made.run(0.1);
      if (isTold && seed === 0) {
        const { why, tcp } = made.state('fibre');
        t.match(
          why,
          /^loss \d\.\d % of \d+ probes, \d\.\d % of \d+ TCP segments sent again \(SLA 1 %\)$/,
        );
        t.ok(Math.abs((tcp?.resentPercent ?? 0) - 5) < 4 && tcp?.rttMinMs === 20);
        t.match(made.events, [{ kind: 'degraded', measured: { tcp: { segments: /\d/ } } }]);
      }
      return made.nowMs - since;
    }).sort((a, b) => a - b);
  const [alone, both] = [took(false), took(true)];
  t.ok((both[36] ?? Infinity) < 5_000, `${String(both[36])} ms, nine of ten`);
  t.ok((both[20] ?? 0) < (alone[20] ?? 0), `${String(both[20])} and ${String(alone[20])} ms`);
});

t.test('TCP alone makes it look closer for half a minute, and moves nothing', async (t) => {
  for (const change of [{ lossBeyond: 0.1 }, { lossBeyond: 0.5 }]) {
    const made = site(1);
    Object.assign(made.link('fibre'), change);
    made.run(2);
    const interval = () => made.last?.intervalsMs.get(1);
    t.equal(interval(), 10);
    made.run(120);
    t.equal(interval(), 20, 'the probes have not found it');
    t.same(made.told(), []);
    made.link('fibre').lossBeyond = 0;
    made.run(10);
    Object.assign(made.link('fibre'), change);
    made.run(2);
    t.equal(interval(), 10, 'it is another time');
  }
});

t.test('a recording with it, and one without, are judged again as they were', async (t) => {
  const made = site(3);
  Object.assign(made.link('fibre'), { lossOut: 0.003, lossBeyond: 0.02 });
  made.run(100);
  made.link('fibre').lossOut = 0.05;
  made.run(60);
  made.link('fibre').lossOut = 0;
  made.run(100);
  const decided = made.journal.flatMap((one) => (one.type === 'event' ? [one.event] : []));
  t.ok(decided.length > 3);
  const journal = JSON.parse(JSON.stringify(made.journal)) as typeof made.journal;
  t.same(replay(journal).events, JSON.parse(JSON.stringify(decided)));
  const old = journal.map((one) => {
    if (one.type !== 'sample') return one;
    return { ...one, sample: { ...one.sample, tcp: undefined } };
  });
  const [found] = replay(old).events.filter(({ kind }) => kind === 'degraded');
  t.match(found, { why: /^loss \d\.\d % of \d+ probes \(SLA 1 %\)$/ }, 'probes alone, later');
});
