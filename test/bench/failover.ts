// SPDX-License-Identifier: Apache-2.0
/**
 * Links die, go bad and come back: what an application notices, on two or more links of
 * 20 ms round trip each. And how well the probes measure, and what they take.
 */
import { loadavg } from 'node:os';
import { accuracy } from './failover/accuracy.js';
import { blackout } from './failover/blackout.js';
import { brownout } from './failover/brownout.js';
import { failback } from './failover/failback.js';
import { proberCost } from './failover/prober-cost.js';
import type { Report } from './report.js';

/** The benchmark: 100 trials each, or a few where it is to be `quick`. */
export async function failover(report: Report, quick = false): Promise<void> {
  const trials = quick ? 9 : 100;
  for (const [name, part] of [
    ['black holes', () => blackout(report, trials)],
    ['brownouts', () => brownout(report, trials)],
    ['returns', () => failback(report, quick ? 4 : trials)],
    ['accuracy', () => accuracy(report, quick ? 10 : 60)],
    ['prober', () => proberCost(report, quick ? 2 : 10)],
  ] as const) {
    report.note(`${name}: load ${load()}`);
    await part();
  }
  report.note(`at the end: load ${load()}`);
}

/** Of the last minute; on a machine that does something else, figures are of no use. */
function load(): string {
  return loadavg()[0]?.toFixed(1) ?? '?';
}
