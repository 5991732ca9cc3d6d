// SPDX-License-Identifier: Apache-2.0
/** What the probes say of a link, against what its relay did: it notes when each frame came and went, and which it lost. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Relayed } from '../../../lab/types.js';
import { Eye, type Seen } from '../../stage/eye.js';
import { Wan } from '../../stage/wan.js';
import type { Report } from '../report.js';

/** Twice the usual pace of a fixed line: more probes, the same error of each. */
const quality = '{intervalMs: 10}';
/** Of each link, in percent one way. */
const losses = [5, 1];

interface Look {
  readonly out: Relayed;
  readonly in: Relayed;
  readonly seen: Seen;
}

/** `rtt_error_ms`, `loss_error_points`. */
export async function accuracy(report: Report, seconds: number): Promise<void> {
  await using pair = await Wan.open({ links: 2, quality });
  const { lab } = pair.sites;
  const errors: Record<'rtt' | 'loss', number[]> = { rtt: [], loss: [] };
  await lab.set(pair.link(1), { jitter: '5ms' });
  // Only our probes and their answers are on the links then.
  using other = new Eye(pair.sites.pins('cloud'));
  const { pid } = other.prober;
  process.kill(pid, 'SIGSTOP');
  await sleep(1_000);
  for (let window = 0; window < seconds / 5; window++) {
    const links = [0, 1];
    const before = await Promise.all(links.map((link) => lookAt(pair, link)));
    await sleep(5_000);
    const after = await Promise.all(links.map((link) => lookAt(pair, link)));
    for (const link of links) errors.rtt.push(rttError(before[link], after[link]));
  }
  for (const [link, percent] of losses.entries()) {
    await lab.set(pair.link(link), { loss: `${String(percent)}%`, toward: 'cloud' });
  }
  await sleep(1_000);
  const first = await Promise.all(losses.map((_, link) => lookAt(pair, link)));
  await sleep(seconds * 1_000);
  for (const [link, percent] of losses.entries()) {
    const [told, real] = lossOf(first[link], await lookAt(pair, link));
    report.note(
      `${String(percent)} %: ${told.toFixed(2)} % measured, ${real.toFixed(2)} % by the relay`,
    );
    errors.loss.push(Math.abs(told - real));
  }
  process.kill(pid, 'SIGCONT');
  report.add({ figure: 'rtt_error_ms', unit: 'ms', ours: errors.rtt });
  report.add({ figure: 'loss_error_points', unit: 'points', ours: errors.loss });
}

async function lookAt(pair: Wan, link: number): Promise<Look> {
  const relayed = await pair.sites.lab.relayed(pair.link(link));
  return { ...relayed, seen: pair.eye.strand(pair.strand(link)) };
}

/** Between the mean of our round trips and the mean time that frames spent in the relay, there and back. */
function rttError(before?: Look, after?: Look): number {
  if (before === undefined || after === undefined) return NaN;
  const dwell = (way: 'out' | 'in'): number =>
    (after[way].dwellMs - before[way].dwellMs) / (after[way].passed - before[way].passed);
  const { rttSumMs, received } = after.seen;
  const rtt = (rttSumMs - before.seen.rttSumMs) / (received - before.seen.received);
  return Math.abs(rtt - dwell('out') - dwell('in'));
}

/** In percent of round trips: as measured, and as the relay lost. */
function lossOf(before?: Look, after?: Look): [number, number] {
  if (before === undefined || after === undefined) return [NaN, NaN];
  const lost = (way: 'out' | 'in'): number => after[way].lost - before[way].lost;
  const sent = lost('out') + after.out.passed - before.out.passed;
  const { seen } = after;
  const unanswered = seen.lost - seen.late - before.seen.lost + before.seen.late;
  const told = unanswered / (seen.judged - before.seen.judged);
  return [told * 100, ((lost('out') + lost('in')) / sent) * 100];
}
