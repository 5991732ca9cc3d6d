// SPDX-License-Identifier: Apache-2.0
/**
 * The engine against simulated links: how often it moves sessions for nothing, and how long it
 * takes to see what is wrong. Seeded: the same figures everywhere, whatever the machine does.
 */
import { Engine, type SlaGroup } from '../../forwarder/quality/engine.js';
import { profiles } from '../../forwarder/quality/profiles.js';
import { SimulatedSite } from '../doubles/simulated-site.js';
import {
  SimulatedStrand,
  jitters,
  seeded,
  type SimulatedLink,
} from '../doubles/simulated-strand.js';
import { quantile, type Report } from './report.js';

/** The SLA of the figure; the others are about to be broken all the time: loss, RTT and jitter just as they are. */
const slas: readonly SlaGroup[] = [
  { number: 1, sla: { rttMs: 80, jitterMs: 30, lossPercent: 1 }, names: ['80 ms, 30 ms, 1 %'] },
  { number: 2, sla: { lossPercent: 1 }, names: ['1 %'] },
  { number: 3, sla: { rttMs: 40 }, names: ['RTT 40 ms'] },
  { number: 4, sla: { jitterMs: 21 }, names: ['jitter 21 ms'] },
];
/** Round trips of 40 ms in the mean and 20 ms of jitter each (a little more, as answers overtake each other). */
const shapes = [
  ['normal', 40, jitters.normal(20)],
  ['exponential', 20, jitters.exponential(20)],
  ['uniform', 10, jitters.uniform(20)],
] as const;
const dayMs = 86_400_000;

/** What strands carry beside probes: nothing, TCP that suffers the same, and TCP that suffers elsewhere while the strand loses half of what it may. */
const traffics: Readonly<Record<string, Partial<SimulatedLink>>> = {
  false_moves_per_day: {},
  false_moves_with_tcp_per_day: { segmentsPerSecond: 150 },
  false_moves_with_loss_beyond_per_day: {
    ...{ segmentsPerSecond: 150, lossOut: 0.005, lossBeyond: 0.05 },
  },
};

/** The benchmark; `quick` simulates hours where it would be days. */
export async function failoverSim(report: Report, quick = false): Promise<void> {
  for (const [figure, traffic] of Object.entries(traffics)) {
    falseMoves(report, quick ? 0.1 : 3, figure, traffic);
  }
  brownouts(report, quick ? 20 : 100);
  await Promise.resolve();
}

/** `false_moves_per_day`: of a strand, with 1 % of true loss of round trips and 20 ms of jitter. */
function falseMoves(
  report: Report,
  days: number,
  figure: string,
  traffic: Partial<SimulatedLink>,
): void {
  const strands = shapes.map(([, baseMs, jitter], at) => {
    const rttMs = (random: () => number) => baseMs + jitter(random);
    return new SimulatedStrand(at + 1, seeded(at + 1), { lossOut: 0.01, rttMs, ...traffic });
  });
  const settings = profiles.fixed;
  const engine = new Engine({
    groups: slas,
    strands: shapes.map(([name], at) => {
      return { id: at + 1, name, link: name, peer: name, settings, metered: false };
    }),
  });
  const moves = new Map<string, number>(slas.map(({ names }) => [names.join(), 0]));
  let doubted = false;
  let steps = 0;
  let doubts = 0;
  for (let nowMs = 0; nowMs < days * dayMs; nowMs += doubted ? 100 : 200) {
    const result = engine.step(
      nowMs,
      strands.map((strand) => strand.sample(nowMs)),
    );
    for (const strand of strands) {
      strand.intervalMs = result.intervalsMs.get(strand.id) ?? strand.intervalMs;
      strand.detectionMs = result.detectionsMs.get(strand.id) ?? strand.detectionMs;
    }
    doubted = result.doubted.size > 0;
    steps++;
    doubts += result.doubted.size;
    for (const event of result.events) {
      if (event.kind !== 'down' && event.kind !== 'degraded') continue;
      const sla = event.sla ?? 'down';
      moves.set(sla, (moves.get(sla) ?? 0) + 1);
    }
  }
  const strandDays = days * strands.length;
  const perDay = (sla: string) => (moves.get(sla) ?? 0) / strandDays;
  const [first] = slas;
  const own = perDay(first?.names.join() ?? '') + perDay('down');
  report.add({ figure, unit: 'moves/day and strand', ours: [own] });
  for (const sla of moves.keys()) report.note(`${sla}: ${String(perDay(sla))} a day and strand`);
  const share = ((100 * doubts) / steps / strands.length).toFixed(1);
  report.note(`of ${strandDays.toFixed(1)} days; in doubt ${share} % of the steps`);
}

const fast = (rttMs: number) => () => rttMs;
/** What goes wrong with a link of 20 ms, and the SLA that it then breaks. */
const faults: Readonly<
  Record<string, readonly [Partial<SimulatedLink>, SlaGroup['sla'], Partial<SimulatedLink>?]>
> = {
  loss_5_each_way: [{ lossOut: 0.05, lossBack: 0.05 }, { lossPercent: 1 }],
  rtt_twice_the_sla: [{ rttMs: fast(80) }, { rttMs: 40 }],
  loss_5_one_way: [{ lossOut: 0.05 }, { lossPercent: 1 }],
  loss_5_one_way_with_tcp: [{ lossOut: 0.05 }, { lossPercent: 1 }, { segmentsPerSecond: 150 }],
  loss_5_one_way_with_little_tcp: [
    { lossOut: 0.05 },
    { lossPercent: 1 },
    { segmentsPerSecond: 40 },
  ],
  loss_5_each_way_of_2: [{ lossOut: 0.05, lossBack: 0.05 }, { lossPercent: 2 }],
  loss_30_each_way: [{ lossOut: 0.3, lossBack: 0.3 }, { lossPercent: 1 }],
};

/** `found_NAME_p99_ms`: until the strand is avoided for the SLA. */
function brownouts(report: Report, trials: number): void {
  for (const [name, [change, sla, before = {}]] of Object.entries(faults)) {
    const took = Array.from({ length: trials }, (_, seed) => {
      const groups = [{ number: 1, sla, names: ['sla'] }];
      const site = new SimulatedSite({ seed: seed + 1, groups, links: { bad: before, good: {} } });
      // Not in step with the engine.
      site.nowMs = (seed * 37) % 200;
      site.run(10);
      const sinceMs = site.nowMs - ((seed * 61) % 200);
      Object.assign(site.link('bad'), change);
      while (site.avoid('bad') === 0 && site.nowMs < sinceMs + 120_000) site.run(0.1);
      return site.nowMs - sinceMs;
    });
    report.add({ figure: `found_${name}_p99_ms`, unit: 'ms', ours: [quantile(took, 0.99)] });
    report.note(`p50 ${quantile(took, 0.5).toFixed(0)} ms of ${String(trials)}`);
  }
}
