// SPDX-License-Identifier: Apache-2.0
/** Links that die, with a word of the kernel and without: how long an application hears nothing, and what is lost when they are back. */
import t from 'tap';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HeardBoth, Metronome } from '../../lab/metronome.js';
import { until } from '../stage/up.js';
import { Wan } from '../stage/wan.js';

/** 200 ms are wanted, and `npm run bench -- failover` says what it is; here other tests run beside. */
const longestMs = 600;
/** What each link gets, and what is done about it. */
const faults = [
  ['a black hole both ways', (link: number) => pair.cut(link), (link: number) => pair.mend(link)],
  [
    'one on the way out',
    (link: number) => pair.cut(link, 'out'),
    (link: number) => pair.mend(link),
  ],
  [
    'one on the way back',
    (link: number) => pair.cut(link, 'back'),
    (link: number) => pair.mend(link),
  ],
  [
    'an interface that is down',
    (link: number) => set(link, 'down'),
    (link: number) => set(link, 'up'),
  ],
] as const;
const links = faults.length;
const numbers = Array.from({ length: links }, (_, link) => link);

let pair: Wan;
let streams: readonly Metronome[] = [];
/** On the last link: what it does not hear while that is well is the machine's doing. */
let control: Metronome;
t.before(async () => {
  pair = await Wan.open({ links, quality: '{holdDownMs: 1000}' });
  t.teardown(() => pair[Symbol.asyncDispose]());
  streams = await Promise.all(numbers.map((link) => pair.stream(link)));
  control = await pair.stream(links);
  for (const one of [...streams, control]) t.teardown(() => one[Symbol.asyncDispose]());
});

async function set(link: number, what: 'up' | 'down'): Promise<void> {
  const device = `wan${String(link)}`;
  await pair.sites.lab.node('edge').exec('ip', 'link', 'set', device, what);
}

function look(): Promise<readonly HeardBoth[]> {
  return Promise.all(streams.map((one) => one.look()));
}

/** Wait until the stream of each link is where `where` says. */
async function on(where: (link: number) => number): Promise<void> {
  for (const link of numbers) {
    const what = `the stream of link ${String(link)} on link ${String(where(link))}`;
    await until(what, () => pair.linkOf(link) === where(link));
  }
}

t.test('links die while streams are on them', async (t) => {
  await on((link) => link);
  await sleep(500);
  await control.look();
  await look();
  for (const [link, [, act]] of faults.entries()) await act(link);
  await on(() => links);
  await sleep(500);
  const heard = await look();
  const beside = await control.look();
  const stoodMs = Math.max(beside.out.gapMs, beside.back.gapMs);
  for (const [link, { out, back }] of heard.entries()) {
    const [name = ''] = faults[link] ?? [];
    const gapMs = Math.max(out.gapMs, back.gapMs);
    const told = `${name}: nothing was heard for ${gapMs.toFixed(0)} ms`;
    t.ok(gapMs < longestMs + stoodMs, `${told}, on a link that was well for ${stoodMs.toFixed(0)}`);
  }
});

t.test('they are back, and nothing is lost on the way home', async (t) => {
  await look();
  for (const [link, [, , undo]] of faults.entries()) await undo(link);
  await on((link) => link);
  await sleep(300);
  for (const [link, { out, back }] of (await look()).entries()) {
    const [name = ''] = faults[link] ?? [];
    t.equal(out.lost + back.lost, 0, `after ${name}: none of ${String(out.expected * 2)} lost`);
  }
});

t.test(
  'all links are dead for a while, and sessions go on with the first that answers',
  async (t) => {
    for (let link = 0; link <= links; link++) await pair.cut(link);
    await until('silence everywhere', () =>
      [...numbers, links].every((link) => pair.eye.strand(pair.strand(link)).silent),
    );
    await sleep(2_000);
    await pair.mend(links);
    const backMs = Number(process.hrtime.bigint() / 1_000n) / 1_000;
    await sleep(1_500);
    for (const [link, { out, back }] of (await look()).entries()) {
      const firstMs = Math.max(...[out, back].map((one) => one.gapBeganMs + one.gapMs));
      const tookMs = firstMs - backMs;
      t.ok(
        tookMs < longestMs,
        `link ${String(link)}: heard ${tookMs.toFixed(0)} ms after one was back`,
      );
    }
    for (const link of numbers) await pair.mend(link);
    await until('all streams at home', () => numbers.every((link) => pair.linkOf(link) === link));
  },
);
