// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { SimulatedSite } from '../../test/doubles/simulated-site.js';
import { jitters } from '../../test/doubles/simulated-strand.js';
import { profiles } from './profiles.js';

const voice = { number: 3, sla: { rttMs: 80, jitterMs: 30, lossPercent: 1 }, names: ['p/voice'] };
const bulk = { number: 5, sla: { lossPercent: 10 }, names: ['p/bulk'] };

t.test(
  'a good strand comes up and stays so, also with 0.5 % of loss and 20 ms of jitter',
  async (t) => {
    const jitter = jitters.exponential(20);
    const lossy = { lossOut: 0.005, rttMs: (random: () => number) => 20 + jitter(random) };
    const site = new SimulatedSite({ groups: [voice], links: { fibre: {}, lte: lossy } });
    site.run(0.4);
    t.same(site.told(), ['fibre up', 'lte up']);
    site.run(600);
    t.same(site.told(), []);
    const { state, lossPercent = 0, rttMs = 0, jitterMs = 0 } = site.state('lte');
    t.equal(state, 'up');
    t.ok(lossPercent < 5 && Math.abs(rttMs - 40) < 10 && Math.abs(jitterMs - 20) < 8, 'as it is');
  },
);

t.test(
  'a cut link is down, held, returning and up; sessions leave it and come home once',
  async (t) => {
    const site = new SimulatedSite({ links: { fibre: {}, lte: {} } });
    site.run(5);
    site.told();
    site.link('fibre').isCut = true;
    site.run(0.6);
    t.same(site.told(), ['fibre down']);
    t.match(site.events.length, 0);
    t.match(site.state('fibre'), { state: 'down', why: /^nothing has been answered for \d+ ms$/ });
    t.equal(site.avoid('fibre'), 1);
    t.equal(site.on, 2);
    site.run(20);
    site.link('fibre').isCut = false;
    site.run(1);
    t.same(site.told(), ['fibre held']);
    t.match(site.state('fibre'), { why: 'answers again, held back for 10 s' });
    t.equal(site.avoid('fibre'), 1, 'nobody uses it yet');
    site.run(9.6);
    t.same(site.told(), ['fibre returning']);
    t.equal(site.avoid('fibre'), 0);
    site.run(10.2);
    t.same(site.told(), ['fibre up']);
    t.equal(site.moves, 2);
  },
);

t.test(
  'a carrier that goes is down at once, with its reason, also while the prober is stopped',
  async (t) => {
    const site = new SimulatedSite({ links: { fibre: {}, lte: {} } });
    site.run(5);
    site.told();
    site.isStopped = true;
    site.run(2);
    t.same(site.told(), ['frozen']);
    site.link('fibre').isDown = true;
    site.run(0.2);
    t.same(site.told(), ['fibre down']);
    t.match(site.state('fibre').why, 'its link cannot be used');
  },
);

t.test('a silence between two steps is seen', async (t) => {
  const site = new SimulatedSite({ links: { fibre: {}, lte: {} } });
  site.run(5);
  site.told();
  const fibre = site.of('fibre');
  site.link('fibre').isCut = true;
  fibre.sample(site.nowMs + 150);
  site.link('fibre').isCut = false;
  site.run(0.2);
  t.same(site.told(), ['fibre down', 'fibre held']);
  t.equal(site.avoid('fibre'), 1, 'as the prober has written');
});

t.test('a strand may break one SLA and keep another', async (t) => {
  const site = new SimulatedSite({ groups: [voice, bulk], links: { fibre: {}, lte: {} } });
  site.run(10);
  site.told();
  site.link('fibre').lossOut = 0.04;
  site.link('fibre').lossBack = 0.02;
  site.run(10);
  t.match(site.events, [
    {
      kind: 'degraded',
      name: 'fibre',
      from: 'up',
      to: 'degraded',
      sla: 'p/voice',
      why: /^loss \d+\.\d % of \d+ probes \(SLA 1 %\)$/,
    },
  ]);
  t.same(site.told(), ['fibre degraded']);
  t.match(site.state('fibre'), { state: 'degraded', breaks: [3], spared: [] });
  t.equal(site.avoid('fibre'), 1 << 3);
  const { lossOutPercent = 0, lossBackPercent = 0 } = site.state('fibre');
  t.ok(lossOutPercent > lossBackPercent, 'each way is told');
  site.link('fibre').lossOut = 0.3;
  site.run(5);
  t.same(site.told(), ['fibre degraded']);
  t.same(site.state('fibre').breaks, [3, 5]);
  site.link('fibre').lossOut = 0;
  site.link('fibre').lossBack = 0.03;
  site.run(40);
  t.same(site.told(), ['fibre recovered'], 'bulk again');
  t.same(site.state('fibre').breaks, [3]);
  site.link('fibre').lossBack = 0;
  site.run(25);
  t.same(site.told(), [], 'half a minute must be good');
  site.run(9);
  t.same(site.told(), ['fibre returning']);
  site.run(11);
  t.same(site.told(), ['fibre up']);
  t.equal(site.avoid('fibre'), 0);
});

t.test('RTT and jitter that break the SLA are told by what was measured', async (t) => {
  for (const [rttMs, why] of [
    [() => 160, /^RTT \d+(\.\d)? ms \(SLA 80 ms\)$/],
    [(random: () => number) => 20 + 150 * random(), /jitter [45]\d\.\d ms \(SLA 30 ms\)/],
  ] as const) {
    const site = new SimulatedSite({
      groups: [voice],
      links: { fibre: { rttMs: () => 70 }, lte: {} },
    });
    site.run(10);
    site.told();
    site.link('fibre').rttMs = rttMs;
    site.run(8);
    t.match(site.state('fibre'), { state: 'degraded', why });
  }
});

t.test('one burst is no brownout', async (t) => {
  const site = new SimulatedSite({ groups: [voice], links: { fibre: {}, lte: {} } });
  site.run(10);
  site.told();
  site.link('fibre').lossOut = 0.6;
  site.run(0.4);
  site.link('fibre').lossOut = 0;
  site.run(10);
  t.same(
    site.told().filter((event) => event.includes('degraded')),
    [],
  );
});

t.test('flaps of a second for ten minutes: two moves at most; the hold-down grows', async (t) => {
  for (const upSeconds of [1, 15]) {
    const site = new SimulatedSite({ groups: [voice], links: { fibre: {}, lte: {} } });
    site.run(5);
    while (site.nowMs < 605_000) {
      site.link('fibre').isCut = true;
      site.run(1);
      site.link('fibre').isCut = false;
      site.run(upSeconds);
    }
    t.ok(site.moves <= (upSeconds === 1 ? 1 : 4), `${String(site.moves)} moves`);
    site.run(620);
    t.equal(site.on, 1, 'and then home');
    t.equal(site.state('fibre').state, 'up');
  }
});

t.test('both links bad: the better one, and no to and fro', async (t) => {
  const site = new SimulatedSite({ groups: [voice], links: { fibre: {}, lte: {} } });
  site.run(10);
  site.link('fibre').lossOut = 0.15;
  site.run(10);
  t.equal(site.on, 2);
  site.link('lte').lossOut = 0.05;
  site.run(20);
  t.same(site.state('lte').spared, [3]);
  t.equal(site.avoid('lte'), 0, 'the least bad');
  t.equal(site.avoid('fibre'), 1 << 3);
  t.equal(site.moves, 1, 'it stays');
  site.link('fibre').lossOut = 0.02;
  site.run(60);
  t.equal(site.on, 1, 'the other is much better now');
  t.equal(site.moves, 2);
  site.link('fibre').lossOut = 0.05;
  site.run(600);
  t.ok(site.moves <= 3, `equally bad for ten minutes: ${String(site.moves)} moves`);
});

t.test(
  'all links down, then back: the first is used at once, the second when it is trusted',
  async (t) => {
    const site = new SimulatedSite({ links: { fibre: {}, lte: {} } });
    site.run(5);
    for (const name of ['fibre', 'lte']) site.link(name).isCut = true;
    site.run(60);
    site.told();
    site.link('lte').isCut = false;
    site.run(0.4);
    t.same(site.told(), ['lte held', 'lte returning']);
    t.equal(site.avoid('lte'), 0);
    t.equal(site.on, 2);
    site.link('fibre').isCut = false;
    site.run(1);
    t.same(site.told(), ['fibre held']);
    site.run(10);
    t.same(site.told(), ['lte up', 'fibre returning']);
    t.equal(site.on, 1);
  },
);

t.test('a stopped prober freezes everything; the peer is heard or not', async (t) => {
  const site = new SimulatedSite({ groups: [voice], links: { fibre: {}, lte: {} } });
  site.run(5);
  site.told();
  site.isStopped = true;
  site.run(60);
  t.same(site.told(), ['frozen']);
  t.equal(site.last?.frozen, true);
  site.link('fibre').isDeaf = true;
  site.run(2);
  t.same(site.told(), [], 'patience');
  site.run(2);
  t.same(site.told(), ['fibre down']);
  t.match(site.state('fibre').why, 'the peer is heard by other strands, not by this one');
  t.equal(site.avoid('fibre'), 1);
  site.link('lte').isDeaf = true;
  site.run(10);
  t.same(site.told(), [], 'nothing is heard at all: no evidence');
  site.isStopped = false;
  site.run(0.4);
  t.same(site.told(), ['thawed', 'fibre held']);
  site.run(11);
  t.same(site.told(), ['fibre returning']);
});

t.test('a strand that never answers is passed over once another does', async (t) => {
  const site = new SimulatedSite({ links: { fibre: { isCut: true }, lte: { isCut: true } } });
  site.run(10);
  t.same(site.told(), []);
  t.match(site.state('fibre'), { state: 'unmeasured', why: 'no probe was answered yet' });
  t.equal(site.avoid('fibre'), 0, 'a peer that answers no probes is used');
  site.link('lte').isCut = false;
  site.run(0.4);
  t.same(site.told(), ['lte up', 'fibre unmeasured']);
  t.match(site.state('fibre').why, 'never answered, and other strands of the peer do');
  t.equal(site.avoid('fibre'), 1);
  site.link('fibre').isCut = false;
  site.run(0.4);
  t.same(site.told(), ['fibre returning']);
  t.equal(site.avoid('fibre'), 0);
});

t.test('600 ms by satellite are neither loss nor silence, whatever the profile', async (t) => {
  for (const profile of ['satellite', 'fixed'] as const) {
    const rttMs = (random: () => number) => 600 + 20 * random();
    const links = { dish: { rttMs }, other: { rttMs } };
    const group = { ...bulk, sla: { lossPercent: 1 } };
    const site = new SimulatedSite({ profile, groups: [group], links });
    site.run(300);
    t.same(site.told(), ['dish up', 'other up']);
    t.equal(site.state('dish').lossPercent, 0);
  }
});

t.test('what a former life held back stays so', async (t) => {
  const adopt = new Map([[1, 1 | (1 << 3)]]);
  const site = new SimulatedSite({ groups: [voice], adopt, links: { fibre: {}, lte: {} } });
  site.run(0.4);
  t.same(site.told(), ['fibre held', 'lte up']);
  t.equal(site.avoid('fibre'), 9);
  site.run(40);
  t.same(site.told(), ['fibre degraded', 'fibre returning']);
});

t.test(
  'how often strands are probed: closer in doubt, seldom where metered and not needed',
  async (t) => {
    const links = { fibre: {}, lte: { isIdle: true } };
    const site = new SimulatedSite({ groups: [voice], metered: ['lte'], links });
    site.run(10);
    const { idleIntervalMs, intervalMs } = profiles.fixed;
    const interval = (id: number) => site.last?.intervalsMs.get(id);
    t.equal(interval(1), intervalMs);
    t.equal(interval(2), idleIntervalMs);
    t.equal(site.last?.detectionsMs.get(2), 5 * idleIntervalMs);
    site.link('fibre').lossOut = 0.1;
    site.run(2);
    t.equal(interval(1), intervalMs / 2, 'closer');
    t.equal(interval(2), intervalMs, 'it may be needed');
    site.link('fibre').lossOut = 0.6;
    site.run(6);
    t.ok((site.last?.detectionsMs.get(1) ?? 0) > 150, 'a run of misses is no silence there');
  },
);

t.test('strands and SLAs may change', async (t) => {
  const site = new SimulatedSite({ groups: [voice], links: { fibre: {}, lte: {} } });
  site.run(10);
  site.link('fibre').lossOut = 0.4;
  site.run(5);
  site.told();
  site.engine.setGroups([bulk, { ...voice, names: ['p/voice', 'q/voice'] }]);
  site.engine.setStrands(site.strands);
  site.run(0.2);
  t.same(site.state('fibre').breaks, [3, 5], 'what was found stays, and its history');
  site.engine.setGroups([]);
  site.run(0.2);
  t.match(site.told(), ['fibre degraded', 'fibre returning']);
  site.engine.setStrands(site.strands.slice(1));
  site.run(1);
  t.notOk(site.last?.avoid.has(1));
});
