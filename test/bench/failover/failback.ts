// SPDX-License-Identifier: Apache-2.0
/** Links that were cut come back: what is lost while their sessions return. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { HeardBoth, Metronome } from '../../../lab/metronome.js';
import { until } from '../../stage/up.js';
import { Wan } from '../../stage/wan.js';
import { median, type Report } from '../report.js';

const links = 4;
const quality = '{holdDownMs: 1000}';
const patienceMs = 120_000;

/** `failback_lost_packets`. */
export async function failback(report: Report, trials: number): Promise<void> {
  await using pair = await Wan.open({ links, quality });
  const numbers = Array.from({ length: links }, (_, link) => link);
  const lost: number[] = [];
  const took: number[] = [];
  let sent = 0;
  for (let done = 0; done < trials; done += links) {
    // Hold-downs grow with each relapse, and the next round is none.
    if (done > 0) await pair.again();
    await using streams = await opened(pair, numbers);
    for (const link of numbers) await pair.cut(link);
    await until('all streams on the last link', () => {
      return numbers.every((link) => pair.linkOf(link) === links);
    });
    await sleep(300);
    await streams.look();
    const began = performance.now();
    for (const link of numbers) await pair.mend(link);
    const home = async (link: number): Promise<void> => {
      const isHome = (): boolean => pair.linkOf(link) === link;
      await until(`the return to ${pair.strand(link)}`, isHome, patienceMs);
      took.push(performance.now() - began);
    };
    await Promise.all(numbers.map(home));
    await sleep(500);
    for (const { out, back } of await streams.look()) {
      lost.push(out.lost + back.lost);
      sent += out.expected + back.expected;
    }
  }
  const total = lost.reduce((sum, one) => sum + one, 0);
  report.add({ figure: 'failback_lost_packets', unit: 'packets', ours: [total] });
  report.note(
    `of ${String(sent)} in ${String(lost.length)} returns; back after ${(median(took) / 1000).toFixed(1)} s, with ${quality}`,
  );
}

interface Streams extends AsyncDisposable {
  look(): Promise<readonly HeardBoth[]>;
}

async function opened(pair: Wan, numbers: readonly number[]): Promise<Streams> {
  const all: Metronome[] = await Promise.all(
    numbers.map((link) => pair.stream(link, 'udp', 2_000)),
  );
  return {
    look: () => Promise.all(all.map((one) => one.look())),
    async [Symbol.asyncDispose]() {
      for (const one of all) await one[Symbol.asyncDispose]();
    },
  };
}
