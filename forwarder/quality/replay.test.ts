// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { SimulatedSite } from '../../test/doubles/simulated-site.js';
import { jitters, seeded } from '../../test/doubles/simulated-strand.js';
import type { JournalRecord } from './journal-record.js';
import { replay } from './replay.js';

const voice = { number: 1, sla: { rttMs: 60, jitterMs: 30, lossPercent: 1 }, names: ['p/voice'] };

/** Eight minutes of all sorts of weather. */
function recorded(seed: number): SimulatedSite {
  const random = seeded(seed);
  const links = { fibre: {}, lte: { isIdle: true }, dish: {} };
  const site = new SimulatedSite({ seed, groups: [voice], metered: ['lte'], links });
  const jitter = jitters.exponential(15);
  while (site.nowMs < 480_000) {
    for (const name of Object.keys(links)) {
      const link = site.link(name);
      const fate = random();
      link.isCut = fate < 0.1;
      link.isDown = fate > 0.97;
      link.isDeaf = random() < 0.1;
      link.lossOut = fate > 0.3 ? 0 : 0.06 * random();
      const base = random() < 0.2 ? 55 : 20;
      link.rttMs = random() < 0.3 ? (chance) => base + jitter(chance) : () => base;
    }
    site.isStopped = random() < 0.05;
    site.run(40 * random());
  }
  return site;
}

/** As it comes out of a file. */
function asRead(records: readonly JournalRecord[]): JournalRecord[] {
  return records.map((record) => JSON.parse(JSON.stringify(record)) as JournalRecord);
}

t.test('the same policy decides as it did, to the step', async (t) => {
  for (const seed of [1, 2, 3]) {
    const site = recorded(seed);
    const told = site.journal.filter(({ type }) => type === 'event');
    t.ok(told.length > 20, `${String(told.length)} events`);
    const { events, summary } = replay(asRead(site.journal));
    t.strictSame(
      asRead(events.map((event) => ({ type: 'event', wallMs: 0, event }))),
      asRead(told),
    );
    t.ok(summary.strands.some(({ moves }) => moves > 1));
    t.equal(summary.samples, site.journal.filter(({ type }) => type === 'sample').length);
    t.ok(summary.toMs - summary.fromMs > 470_000);
  }
});

t.test('a journal has about one sample a second and strand', async (t) => {
  const site = new SimulatedSite({ groups: [voice], links: { fibre: {}, lte: {} } });
  site.run(600);
  const samples = site.journal.filter(({ type }) => type === 'sample').length;
  t.ok(samples >= 1200 && samples < 1210, String(samples));
});

t.test('another policy decides otherwise', async (t) => {
  const site = new SimulatedSite({ groups: [voice], links: { fibre: {}, lte: {} } });
  site.run(10);
  site.link('fibre').lossOut = 0.05;
  site.run(60);
  site.link('fibre').lossOut = 0;
  site.run(60);
  const of = (groups?: readonly (typeof voice)[]) => {
    const { events, summary } = replay(site.journal, groups && { groups });
    return { kinds: events.map(({ kind }) => kind), slas: summary.strands[0]?.slas };
  };
  const same = of();
  t.same(same.kinds, ['up', 'up', 'degraded', 'returning', 'up']);
  t.match(same.slas, [{ sla: 'p/voice', moves: 1 }]);
  const avoidedMs = same.slas?.[0]?.avoidedMs ?? 0;
  t.ok(avoidedMs > 80_000 && avoidedMs < 110_000, String(avoidedMs));
  const patient = of([{ ...voice, sla: { ...voice.sla, lossPercent: 15 } }]);
  t.same(patient.kinds, ['up', 'up']);
  t.match(patient.slas, [{ moves: 0, avoidedMs: 0 }]);
  const strict = of([voice, { number: 2, sla: { ...voice.sla, rttMs: 15 }, names: ['q/fast'] }]);
  t.same(strict.slas?.[1]?.sla, 'q/fast');
  t.ok(strict.kinds.includes('preferred'), 'both links break it from the beginning');
});

t.test(
  'a new life of the forwarder begins anew; nothing is replayed without a setup',
  async (t) => {
    const site = new SimulatedSite({ groups: [voice], links: { fibre: {}, lte: {} } });
    site.run(10);
    const { journal } = site;
    t.same(replay(journal.slice(1)).events, []);
    t.same(replay(journal.slice(1), site).events.length, 2);
    const twice = replay([...journal, ...journal]);
    t.same(
      twice.events.map(({ kind }) => kind),
      ['up', 'up', 'up', 'up'],
    );
    t.same(replay([]).summary, { fromMs: 0, toMs: 0, samples: 0, strands: [] });
  },
);
