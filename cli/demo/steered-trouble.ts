// SPDX-License-Identifier: Apache-2.0
/**
 * The acts in which a link is in trouble: it is cut without a word, it is whole again, it
 * loses some of its packets. A stream of small messages tells what an application notices.
 */
import type { Heard, Metronome } from '../../lab/metronome.js';
import type { LinkChange } from '../../lab/types.js';
import { carries, during, mbps, show, until, type Stage } from './steered-look.js';
import { gauge } from './gauge.js';
import { fibreSla, holdDownMs } from './sites.js';
import type { Load } from './sums.js';
import { milliseconds } from './words.js';

/** A second is much on a busy machine, too. */
const longestGapMs = 1_000;

/** Nothing passes the fibre any more, and no carrier tells. */
export async function cut(stage: Stage, load: Load): Promise<void> {
  const { screen } = stage;
  screen.title('4  Cut a link: a black hole, and no carrier tells');
  await trouble(stage, load, { loss: '100%' }, '--loss 100%');
}

/** It answers again, and its sessions come home. */
export async function mend(stage: Stage, load: Load): Promise<void> {
  const { screen, sites } = stage;
  screen.title('5  Mend it');
  screen.row('command', 'wanwire lab set edge/wan0 --loss none');
  await load.stream.look();
  const start = performance.now();
  let tookMs = 0;
  const seen = await during(stage, load, 120, async () => {
    await sites.lab.set('edge/wan0', { loss: 'none' });
    await until('the backup on the fibre', async () => {
      const [fibre] = await gauge(sites.lab, 20);
      return carries(fibre, mbps.backup);
    });
    tookMs = performance.now() - start;
  });
  screen.row(
    'took',
    `${(tookMs / 1000).toFixed(1)} s: held back for ${String(holdDownMs / 1000)} s, then session by session`,
  );
  show(screen, seen, ['backup', 'voice']);
  const { lost } = await heard(stage, load.stream);
  if (lost > 0) throw new Error(`${String(lost)} packets were lost on the way home`);
}

/** It answers, and breaks the SLA of its class. */
export async function brownout(stage: Stage, load: Load): Promise<void> {
  const { screen } = stage;
  screen.title('6  Brown out: the link answers, and loses packets');
  screen.row('policy', `class low-latency  sla ${fibreSla}`);
  await trouble(stage, load, { loss: '5%' }, '--loss 5%');
}

async function trouble(stage: Stage, load: Load, change: LinkChange, words: string): Promise<void> {
  const { screen, sites } = stage;
  screen.row('command', `wanwire lab set edge/wan0 ${words}`);
  await load.stream.look();
  let tookMs = 0;
  const seen = await during(
    stage,
    load,
    100,
    async () => {
      const start = performance.now();
      await sites.lab.set('edge/wan0', change);
      await until('the backup on the LTE link', async () => {
        const [fibre, lte] = await gauge(sites.lab, 20);
        return carries(lte, mbps.backup) && !carries(fibre, mbps.backup);
      });
      tookMs = performance.now() - start;
    },
    true,
  );
  screen.row('took', `${tookMs.toFixed(0)} ms until the backup runs on the LTE link`);
  show(screen, seen, ['', 'voice and backup']);
  const { gapMs } = await heard(stage, load.stream);
  if (gapMs > longestGapMs) throw new Error(`nothing was heard for ${gapMs.toFixed(0)} ms`);
}

/** What the stream of small messages noticed since it was looked at last. */
async function heard(
  { screen }: Stage,
  stream: Metronome,
): Promise<{ readonly gapMs: number; readonly lost: number }> {
  const { out, back } = await stream.look();
  const row = (way: string, { gapMs, delayMs, lost, expected }: Heard): string[] => [
    way,
    milliseconds(gapMs),
    milliseconds(delayMs?.p50),
    milliseconds(delayMs?.p99),
    milliseconds(delayMs?.max),
    `${String(lost)} of ${String(expected)}`,
  ];
  screen.row('noticed', 'by a stream of small messages, one each 2 ms and way');
  screen.table(
    ['way', 'silent for', 'delay p50', 'p99', 'longest', 'lost'],
    [row('to the cloud', out), row('back', back)],
  );
  return { gapMs: Math.max(out.gapMs, back.gapMs), lost: out.lost + back.lost };
}
