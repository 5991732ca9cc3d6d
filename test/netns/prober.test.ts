// SPDX-License-Identifier: Apache-2.0
/** What the prober finds: real programs, a real cable, and a far end that answers by them alone. */
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { detectMs, ended, eventually, mostStrands, nowMs, ProberStage } from './prober-stage.js';

/** What a busy machine may add to anything, in ms. */
const lateMs = 25;

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
}

/** The times between, and when they began. */
function gaps(times: readonly number[]): { readonly from: number; readonly ms: number }[] {
  return times.slice(1).map((to, at) => ({ from: times[at] ?? NaN, ms: to - (times[at] ?? NaN) }));
}

/** For how long the machine had no time for a prober of one strand since then: it sent less often than it should. */
function heldUpMs(stage: ProberStage, sinceMs: number): number {
  return gaps(stage.sentMs(1, 100))
    .filter(({ from, ms }) => from + ms > sinceMs)
    .reduce((sum, { ms }) => sum + Math.max(0, ms - 25), 0);
}

/** A stage whose prober has had answers on strand 1. */
async function measured(t: Test, family: 4 | 6 = 4): Promise<ProberStage> {
  const stage = await ProberStage.open(t);
  stage.strand(1, family);
  stage.ask(1);
  await stage.start(t);
  await eventually('answers', () => stage.quality(1).received > 20n);
  return stage;
}

/** Seen by looking again and again, not only at the end. */
async function staysHeard(stage: ProberStage, ms: number): Promise<boolean> {
  const end = nowMs() + ms;
  while (nowMs() < end) {
    if (stage.silent(1)) return false;
    await sleep(2);
  }
  return stage.quality(1).silences === 0;
}

t.test('each strand is probed in its interval, and every probe is answered', async (t) => {
  const stage = await ProberStage.open(t);
  const intervals = [10, 20, 30, 100];
  for (const [n, ms] of intervals.entries()) {
    for (const family of [4, 6] as const) {
      const id = 2 * n + (family === 4 ? 1 : 2);
      stage.strand(id, family, n);
      stage.ask(id, { interval_us: ms * 1000, dscp: n });
    }
  }
  await stage.start(t);
  await eventually('first answers', () => stage.quality(8).received > 0n);
  const before = intervals.map((_, n) => stage.quality(2 * n + 1).sent);
  const beganMs = nowMs();
  await sleep(2_000);
  const after = intervals.map((_, n) => stage.quality(2 * n + 1).sent);
  const tookMs = nowMs() - beganMs;
  const sends = intervals.map((ms, n) =>
    [2 * n + 1, 2 * n + 2].map((id) => stage.sentMs(id, 2_000 / ms)),
  );
  // When not even one of them all was sent, the machine had no time.
  const pauses = gaps(sends.flat(2).sort((a, b) => a - b)).filter(({ ms }) => ms > lateMs);
  const pausedMs = (fromMs: number, toMs: number): number =>
    pauses
      .map(({ from, ms }) => Math.min(toMs, from + ms) - Math.max(fromMs, from))
      .reduce((sum, ms) => sum + Math.max(0, ms), 0);
  const inAllMs = pausedMs(beganMs, beganMs + tookMs);
  t.ok(inAllMs < tookMs / 2, `it had no time for ${String(inAllMs)} ms`);
  for (const [n, ms] of intervals.entries()) {
    for (const [at, times] of (sends[n] ?? []).entries()) {
      const id = 2 * n + 1 + at;
      const mid = median(gaps(times).map((gap) => gap.ms));
      t.ok(Math.abs(mid - ms) < ms / 8, `${String(ms)} ms: median ${String(mid)}`);
      const own = gaps(times).map((gap) => gap.ms - pausedMs(gap.from, gap.from + gap.ms));
      t.ok(Math.max(...own) < 2 * ms + lateMs, `none is left out: ${String(Math.max(...own))}`);
      const { failed, lost, late, forged, sent, srtt_ns: srtt } = stage.quality(id);
      t.same([failed, forged], [0n, 0n]);
      t.ok(lost - late <= 2n, `${String(lost)} lost, ${String(late)} of them late`);
      await eventually('an answer to each', () => stage.quality(id).received >= sent - 2n);
      t.ok(srtt > 0 && srtt < 100e6, `RTT ${String(srtt)} ns`);
    }
    const count = Number((after[n] ?? 0n) - (before[n] ?? 0n));
    const [most, least] = [tookMs / ms, (tookMs - inAllMs) / ms];
    t.ok(count < most + 3 && count > 0.9 * least - 3, `${String(count)} of ${String(most)}`);
  }
});

for (const family of [4, 6] as const) {
  t.test(`a black hole is found in time, and its end too: IPv${String(family)}`, async (t) => {
    const stage = await measured(t, family);
    const overMs: number[] = [];
    for (let turn = 1; turn <= 10; turn++) {
      // Not always at the same point of the interval.
      await sleep(300 + 7 * turn);
      const limit = stage.limitMs(1);
      const beganMs = nowMs();
      stage.answers(false);
      await eventually('silence', () => stage.silent(1));
      const took = Number(stage.quality(1).changed_ns) / 1e6 - beganMs;
      t.ok(took > detectMs - 20, `not too soon: ${String(took)} ms`);
      overMs.push(took - limit - 20 - heldUpMs(stage, beganMs));
      t.equal(stage.quality(1).silences, turn);
      t.equal(stage.avoid(1), 1, 'and it is held back');
      const endedMs = nowMs();
      stage.answers(true);
      await eventually('its end', () => !stage.silent(1));
      const heardMs = Number(stage.quality(1).changed_ns) / 1e6;
      const probes = stage.sentMs(1, 50).filter((ms) => ms > endedMs && ms < heardMs).length;
      t.ok(probes <= 5, `heard again after ${String(probes)} probes`);
      t.equal(stage.avoid(1), 1, 'that it is held back is the forwarder’s to end');
      stage.setAvoid(1, 0);
    }
    t.ok(median(overMs) <= 0, `detection + srtt + 4 rttvar + interval, and ${String(overMs)} ms`);
    t.ok(Math.max(...overMs) < lateMs, 'each of them');
    t.equal(stage.avoid(1), 0);
    const { judged, lost, sent, late, received } = stage.quality(1);
    const unanswered = lost - late;
    t.ok(lost > 50n && unanswered >= judged - received, 'loss is counted');
    t.ok(unanswered <= sent - received, 'and nothing else');
    await eventually('the verdict on each', () => stage.quality(1).judged >= sent);
  });
}

t.test('a prober that is stopped or killed finds nobody silent', async (t) => {
  const stage = await ProberStage.open(t);
  stage.strand(1);
  stage.ask(1);
  let child = await stage.start(t);
  await eventually('answers', () => stage.quality(1).received > 20n);
  for (const ms of [70, 300, 600, 1_500]) {
    child.kill('SIGSTOP');
    await sleep(ms);
    child.kill('SIGCONT');
    t.ok(await staysHeard(stage, 300), `stopped for ${String(ms)} ms`);
  }
  // A few probes are lost, the rest is never sent: those are not enough.
  stage.ask(1, { detect_us: 1_000_000 });
  const { lost } = stage.quality(1);
  stage.answers(false);
  await eventually('lost ones', () => stage.quality(1).lost >= lost + 2n);
  child.kill('SIGSTOP');
  await sleep(2_500);
  stage.answers(true);
  child.kill('SIGCONT');
  t.ok(await staysHeard(stage, 300), 'stopped in a short black hole');
  stage.ask(1);
  const { seq, sent } = stage.quality(1);
  await ended(child, 'SIGKILL');
  t.ok(await staysHeard(stage, 500), 'killed');
  child = await stage.start(t);
  t.ok(await staysHeard(stage, 300), 'started again');
  await eventually('that it goes on counting', () => {
    return stage.quality(1).seq > seq && stage.quality(1).sent > sent;
  });
});

t.test('silence outlasts the prober, and ends by an answer only', async (t) => {
  const stage = await ProberStage.open(t);
  stage.strand(1);
  stage.ask(1);
  let child = await stage.start(t);
  await eventually('answers', () => stage.quality(1).received > 20n);
  stage.answers(false);
  await eventually('silence', () => stage.silent(1));
  child.kill('SIGSTOP');
  await sleep(500);
  child.kill('SIGCONT');
  await sleep(300);
  t.ok(stage.silent(1), 'stopped and continued');
  await ended(child, 'SIGTERM');
  t.ok(stage.silent(1), 'ended');
  child = await stage.start(t);
  await sleep(300);
  t.ok(stage.silent(1), 'started again');
  stage.answers(true);
  await eventually('its end', () => !stage.silent(1));
  t.equal(stage.quality(1).silences, 1);
});

t.test('what cannot be sent is counted, and found silent', async (t) => {
  const stage = await measured(t);
  stage.strand(2, 6);
  stage.ask(2);
  await eventually('answers', () => stage.quality(2).received > 5n);
  await stage.near.sh('ip link set wan down');
  await eventually('failures', () => [1, 2].every((id) => stage.quality(id).failed > 5n));
  await eventually('silence', () => [1, 2].every((id) => stage.silent(id)));
  const { sent, failed } = stage.quality(1);
  await eventually('that failed ones are judged, too', () => stage.quality(1).judged >= sent);
  const { sent: all, lost, received, late } = stage.quality(1);
  t.ok(lost - late >= failed && lost <= all - received + late, 'as lost');
  await stage.near.sh('ip link set wan up; ip addr add fd77:0::1/16 dev wan nodad');
  await eventually('its end', () => [1, 2].every((id) => !stage.silent(id)));
});

t.test('what is asked for is followed', async (t) => {
  const stage = await measured(t);
  stage.ask(1, { flags: 0 });
  stage.answers(false);
  await sleep(500);
  t.equal(stage.quality(1).silences, 0, 'only one that may be judged is');
  stage.ask(1);
  await eventually('silence', () => stage.silent(1));
  stage.ask(1, { interval_us: 0 });
  await eventually('its end', () => !stage.silent(1));
  await sleep(50);
  const { seq } = stage.quality(1);
  await sleep(200);
  t.equal(stage.quality(1).seq, seq, 'not probed any more');
  stage.answers(true);
  stage.ask(1, { interval_us: 60_000_000 });
  await sleep(250);
  stage.ask(1, { interval_us: 10_000 });
  await eventually('probes', () => stage.quality(1).seq > seq + 5);
  const { silences } = stage.quality(1);
  // Too few probes to say anything, however long it is.
  stage.ask(1, { interval_us: 600_000, detect_us: 100_000 });
  await sleep(150);
  const { lost } = stage.quality(1);
  stage.answers(false);
  await eventually('a lost one', () => stage.quality(1).lost > lost);
  stage.answers(true);
  await sleep(1_400);
  t.equal(stage.quality(1).silences, silences, 'one or two lost probes are no silence');
  stage.ask(1, { interval_us: 2_000_000, detect_us: 10_000_000 });
  await sleep(2_500);
  const beganMs = nowMs();
  stage.answers(false);
  stage.ask(1);
  await eventually('silence', () => stage.silent(1));
  const took = Number(stage.quality(1).changed_ns) / 1e6 - beganMs;
  t.ok(took > detectMs - 20, `a former, longer interval does not count: ${String(took)} ms`);
});

t.test('what waits for a neighbour that is not there does not keep others waiting', async (t) => {
  const stage = await measured(t);
  for (let id = 2; id < 22; id++) {
    stage.strand(id, 4, id, mostStrands + id);
    stage.ask(id, { interval_us: 10_000 });
  }
  await sleep(2_500);
  const { sent, failed } = stage.quality(1);
  t.equal(failed, 0n);
  await eventually('an answer to each', () => stage.quality(1).received >= sent - 2n);
  t.equal(stage.quality(2).received, 0n);
});

t.test('larger probes are not fragmented', async (t) => {
  const stage = await measured(t);
  stage.ask(1, { size: 1472 });
  const { received, failed } = stage.quality(1);
  await eventually('answers', () => stage.quality(1).received > received + 10n);
  t.equal(stage.quality(1).failed, failed);
  await stage.near.sh('ip link set wan mtu 1400');
  await eventually('failures', () => stage.quality(1).failed > failed + 5n);
});
