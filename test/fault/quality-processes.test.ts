// SPDX-License-Identifier: Apache-2.0
/** Two links: processes that stop are no fault of a link, what pretends to be an answer is none, and of two bad links the better one is used. */
import t, { type Test } from 'tap';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Metronome } from '../../lab/metronome.js';
import { Eye } from '../stage/eye.js';
import type { SiteName } from '../stage/sites.js';
import { answers, requests, sendStamp } from '../stage/stamp.js';
import { processesOf, until } from '../stage/up.js';
import { Wan } from '../stage/wan.js';

const [edgeAddress, cloudAddress] = ['10.90.0.2', '10.90.0.10'];
/** Patient, so that a busy machine is no silence; what is stopped here is so for much longer. */
const quality = '{detectionMs: 800, holdDownMs: 1000}';
const longestMs = 1_600;
const sla = '{lossPercent: 1}';

let pair: Wan;
let stream: Metronome;
t.before(async () => {
  pair = await Wan.open({ quality, sla });
  t.teardown(() => pair[Symbol.asyncDispose]());
  stream = await pair.stream(0);
  t.teardown(() => stream[Symbol.asyncDispose]());
});

/** Hold that meanwhile no strand was found silent or held back, no session moved and nothing was lost. */
async function unnoticed(t: Test, act: () => Promise<void>): Promise<void> {
  const of = () => ({
    moves: pair.eye.session('udp', 7_100)?.moves,
    strands: [0, 1].map((link) => {
      const { silent, silences, avoid } = pair.eye.strand(pair.strand(link));
      return { silent, silences, avoid };
    }),
  });
  const before = of();
  await stream.look();
  await act();
  const { out, back } = await stream.look();
  t.strictSame(of(), before, 'no alarm, and no session has moved');
  t.equal(out.lost + back.lost, 0, `none of ${String(out.expected + back.expected)} lost`);
}

/** `wanwire up` and all it has started, the prober too. */
function allOf(site: SiteName): number[] {
  const up = pair.sites.world.player(site);
  using eye = new Eye(pair.sites.pins(site));
  return [...new Set([up.pid, ...Object.values(processesOf(up)), eye.prober.pid])];
}

t.test("the peer's processes are stopped, and go on", (t) =>
  unnoticed(t, async () => {
    const all = allOf('cloud');
    for (const pid of all) process.kill(pid, 'SIGSTOP');
    await sleep(1_500);
    for (const pid of all) process.kill(pid, 'SIGCONT');
    await sleep(500);
  }),
);

t.test("the peer's processes are killed, and started again", (t) =>
  unnoticed(t, async () => {
    for (const pid of allOf('cloud')) process.kill(pid, 'SIGKILL');
    await sleep(500);
    await pair.sites.up('cloud');
    await sleep(500);
  }),
);

t.test('our own prober is stopped, then killed: nothing is judged without it', (t) =>
  unnoticed(t, async () => {
    const { pid } = pair.eye.prober;
    process.kill(pid, 'SIGSTOP');
    await sleep(1_500);
    process.kill(pid, 'SIGCONT');
    await sleep(500);
    const began = performance.now();
    process.kill(pid, 'SIGKILL');
    await until('another prober', () => pair.eye.prober.pid !== pid);
    await pair.measured();
    t.comment(`another one measures after ${(performance.now() - began).toFixed(0)} ms`);
  }),
);

t.test('a link dies while the forwarder is stopped', async (t) => {
  const all = allOf('edge').filter((pid) => pid !== pair.eye.prober.pid);
  for (const pid of all) process.kill(pid, 'SIGSTOP');
  try {
    await stream.look();
    await pair.cut(0);
    await until('the other link', () => pair.linkOf(0) === 1, 20_000);
    await sleep(300);
    const { out, back } = await stream.look();
    const gapMs = Math.max(out.gapMs, back.gapMs);
    t.ok(gapMs < longestMs, `nothing was heard for ${gapMs.toFixed(0)} ms`);
    await pair.mend(0);
  } finally {
    for (const pid of all) process.kill(pid, 'SIGCONT');
  }
  await until('the return', () => pair.linkOf(0) === 0);
});

t.test(
  'answers that nobody asked for, and the same ones again, are counted and no more',
  async (t) => {
    const strand = pair.strand(0);
    const { port, stampPort } = pair.eye.prober;
    const before = pair.eye.strand(strand);
    const invented = Array.from({ length: 50 }, (_, n) => ({ seq: n * 7, stamp: randomBytes(8) }));
    const replayed = pair.eye
      .probes(strand, 'answered')
      .slice(0, 50)
      .map(({ seq, stamp }) => {
        const bytes = Buffer.alloc(8);
        bytes.writeBigUInt64LE(stamp);
        return { seq, stamp: bytes };
      });
    t.equal(replayed.length, 50);
    const way = { from: cloudAddress, fromPort: stampPort, to: edgeAddress, toPort: port };
    await sendStamp(pair.sites.lab.node('cloud'), way, answers([...invented, ...replayed]));
    const after = pair.eye.strand(strand);
    t.equal(after.forged - before.forged, 100);
    const counted = after.received + after.lost - before.received - before.lost;
    t.ok(counted <= after.sent - before.sent + 10, 'and taken for no answers');
    t.ok(after.srttMs > 15, `a round trip is still ${after.srttMs.toFixed(1)} ms`);
  },
);

t.test('a sender of another make, whose clock jumps by years, is answered each time', async (t) => {
  const { stampPort } = pair.eye.prober;
  const probes = Array.from({ length: 20 }, (_, n) => ({ seq: n, stamp: randomBytes(8) }));
  const way = { from: edgeAddress, fromPort: 0, to: cloudAddress, toPort: stampPort };
  const heard = await sendStamp(pair.sites.lab.node('edge'), way, requests(probes));
  t.equal(heard.length, probes.length);
  for (const [at, one] of heard.entries()) {
    t.match(one, { senderSeq: at, senderStamp: probes[at]?.stamp, senderTtl: 64 });
    t.ok(one.heldMs >= 0 && one.heldMs < 5, `held for ${one.heldMs.toFixed(3)} ms`);
  }
});

t.test('both links bad: the better one, and no to and fro', async (t) => {
  // Held back for as long as is usual, but not for a busy machine's moments of silence.
  await pair.write({ sla, quality: '{detectionMs: 1000}' });
  const { lab } = pair.sites;
  const avoided = (link: number): boolean => pair.eye.strand(pair.strand(link)).avoid !== 0;
  const first = pair.eye.session('udp', 7_100)?.moves ?? NaN;
  await lab.set(pair.link(1), { loss: '30%', toward: 'cloud' });
  await until('the bad link avoided', () => avoided(1), 20_000);
  await sleep(3_000);
  await lab.set(pair.link(0), { loss: '10%', toward: 'cloud' });
  await sleep(8_000);
  t.equal(pair.linkOf(0), 0, 'one that loses 10 % goes before one that loses 30 %');
  t.strictSame([avoided(0), avoided(1)], [false, true]);
  t.equal(pair.eye.session('udp', 7_100)?.moves, first, 'no move');
});
