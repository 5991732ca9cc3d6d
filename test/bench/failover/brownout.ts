// SPDX-License-Identifier: Apache-2.0
/**
 * Links that answer and break their SLA: how long until the sessions of their class are on
 * the other link. Some links at a time, each with a class of its own, in sites that have just
 * been started: no trial knows of an earlier one.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { LinkChange } from '../../../lab/types.js';
import type { Metronome } from '../../../lab/metronome.js';
import { Wan } from '../../stage/wan.js';
import { quantile, type Report } from '../report.js';

const links = 10;
/** Which 5 % of loss and a round trip of 80 ms instead of 20 break. */
const sla = '{rttMs: 60, jitterMs: 60, lossPercent: 1}';
const patienceMs = 15_000;
/** More than the longest window that is looked at. */
const historyMs = 4_000;

const faults = {
  loss: { loss: '5%' },
  rtt: { delay: '40ms' },
  lossOneWay: { loss: '5%', toward: 'cloud' },
} as const satisfies Readonly<Record<string, LinkChange>>;
type Fault = keyof typeof faults;
const order = Object.keys(faults) as Fault[];

/** `brownout_p99_ms`: loss each way, as `lab set --loss 5%` has it, and RTT; `brownout_one_way_p99_ms`: loss on the way out only. */
export async function brownout(report: Report, trials: number): Promise<void> {
  const took: Record<Fault, number[]> = { loss: [], rtt: [], lossOneWay: [] };
  for (let done = 0; done < trials; done += links) {
    await using pair = await Wan.open({ links, sla });
    const streams = await Promise.all(numbers.map((link) => pair.stream(link, 'udp', 10_000)));
    try {
      await sleep(historyMs);
      await round(pair, took);
    } finally {
      await ended(streams);
    }
  }
  const all = [...took.loss, ...took.rtt];
  report.add({ figure: 'brownout_p99_ms', unit: 'ms', ours: [quantile(all, 0.99)] });
  const oneWay = [quantile(took.lossOneWay, 0.99)];
  report.add({ figure: 'brownout_one_way_p99_ms', unit: 'ms', ours: oneWay });
  for (const [fault, times] of Object.entries(took)) {
    report.note(
      `${fault}: p50 ${quantile(times, 0.5).toFixed(0)}, p99 ${quantile(times, 0.99).toFixed(0)} ms of ${String(times.length)}`,
    );
  }
}

const numbers = Array.from({ length: links }, (_, link) => link);

async function ended(streams: readonly Metronome[]): Promise<void> {
  for (const one of streams) await one[Symbol.asyncDispose]();
}

/** Each link gets its fault, one after the other, and each is waited for. */
async function round(pair: Wan, took: Record<Fault, number[]>): Promise<void> {
  const waiting = new Map<number, { readonly fault: Fault; readonly sinceMs: number }>();
  const watch = (async () => {
    const left = new Set(numbers);
    while (left.size > 0) {
      for (const link of left) {
        const one = waiting.get(link);
        if (one === undefined) {
          if (pair.linkOf(link) !== link) throw new Error(`${pair.strand(link)} was left before`);
          continue;
        }
        const ms = performance.now() - one.sinceMs;
        if (pair.linkOf(link) === link && ms < patienceMs) continue;
        took[one.fault].push(ms);
        left.delete(link);
      }
      await sleep(20);
    }
  })();
  watch.catch(() => undefined);
  for (const link of numbers) {
    const fault = order[link % order.length] ?? 'loss';
    // Before the order: what it takes to give it is counted, too.
    waiting.set(link, { fault, sinceMs: performance.now() });
    await pair.sites.lab.set(pair.link(link), faults[fault]);
  }
  await watch;
}
