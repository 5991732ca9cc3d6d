// SPDX-License-Identifier: Apache-2.0
/** What the prober finds: real programs, a real cable, and a far end that answers by them alone. */
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { ended, eventually, mostStrands, nowMs, ProberStage } from './prober-stage.js';

/** What a busy machine may add to anything, in ms. */
const lateMs = 25;

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
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
  for (const [n, ms] of intervals.entries()) {
    for (const id of [2 * n + 1, 2 * n + 2]) {
      const times = stage.sentMs(id, 2_000 / ms);
      const gaps = times.slice(1).map((time, at) => time - (times[at] ?? 0));
      t.ok(Math.abs(median(gaps) - ms) < 1, `${String(ms)} ms: median ${String(median(gaps))}`);
      t.ok(Math.max(...gaps) < 2 * ms + lateMs, `none is left out: ${String(Math.max(...gaps))}`);
      const { failed, lost, forged, sent, received, srtt_ns: srtt } = stage.quality(id);
      t.same([failed, forged], [0n, 0n]);
      t.ok(lost <= 2n, `${String(lost)} lost`);
      t.ok(sent - received <= 3n, `${String(sent)} sent, ${String(received)} answers`);
      t.ok(srtt > 0 && srtt < 5e6, `RTT ${String(srtt)} ns`);
    }
    const count = Number(stage.quality(2 * n + 1).sent - (before[n] ?? 0n));
    const due = (nowMs() - beganMs) / ms;
    t.ok(count < due + 3 && count > 0.9 * due - 3, `${String(count)} of ${String(due)}`);
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
      t.ok(took > 100 - 20, `not too soon: ${String(took)} ms`);
      overMs.push(took - limit - 20);
      t.equal(stage.quality(1).silences, turn);
      t.equal(stage.avoid(1), 1, 'and it is held back');
      const endedMs = nowMs();
      stage.answers(true);
      await eventually('its end', () => !stage.silent(1));
      const back = Number(stage.quality(1).changed_ns) / 1e6 - endedMs;
      t.ok(back < 2 * 20 + lateMs, `heard again after ${String(back)} ms`);
      t.equal(stage.avoid(1), 1, 'that it is held back is the forwarder’s to end');
      stage.setAvoid(1, 0);
    }
    t.ok(median(overMs) <= 0, `detection + srtt + 4 rttvar + interval, and ${String(overMs)} ms`);
    t.ok(Math.max(...overMs) < lateMs, 'each of them');
    t.equal(stage.avoid(1), 0);
    const { judged, lost, sent, late } = stage.quality(1);
    t.ok(sent - judged <= 3n && lost > 50n && lost - late < judged / 2n, 'loss is counted');
  });
}

t.test('a prober that is stopped or killed finds nobody silent', async (t) => {
  const stage = await ProberStage.open(t);
  stage.strand(1);
  stage.ask(1);
  let child = await stage.start(t);
  await eventually('answers', () => stage.quality(1).received > 20n);
  for (const ms of [70, 150, 400, 1_500]) {
    child.kill('SIGSTOP');
    await sleep(ms);
    child.kill('SIGCONT');
    t.ok(await staysHeard(stage, 300), `stopped for ${String(ms)} ms`);
  }
  // A few probes are lost, the rest is never sent: those are not enough.
  stage.answers(false);
  await sleep(70);
  child.kill('SIGSTOP');
  await sleep(800);
  stage.answers(true);
  child.kill('SIGCONT');
  t.ok(await staysHeard(stage, 300), 'stopped in a short black hole');
  const { seq, sent } = stage.quality(1);
  await ended(child, 'SIGKILL');
  t.ok(await staysHeard(stage, 500), 'killed');
  child = await stage.start(t);
  t.ok(await staysHeard(stage, 300), 'started again');
  t.ok(stage.quality(1).seq > seq && stage.quality(1).sent > sent, 'and goes on counting');
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
  const { sent, judged, lost, failed, received, late } = stage.quality(1);
  t.ok(sent - judged <= 3n, 'failed ones are judged, too');
  t.ok(lost - late >= failed - 3n && lost <= sent - received + late, 'as lost');
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
  await eventually('probes', () => stage.quality(1).seq > seq + 5, 400);
  const { silences } = stage.quality(1);
  // Too few probes to say anything, however long it is.
  stage.ask(1, { interval_us: 300_000, detect_us: 100_000 });
  await sleep(150);
  stage.answers(false);
  await sleep(500);
  stage.answers(true);
  await sleep(700);
  t.equal(stage.quality(1).silences, silences, 'one or two lost probes are no silence');
  stage.ask(1, { interval_us: 2_000_000, detect_us: 10_000_000 });
  await sleep(2_500);
  stage.answers(false);
  const beganMs = nowMs();
  stage.ask(1);
  await eventually('silence', () => stage.silent(1));
  const took = Number(stage.quality(1).changed_ns) / 1e6 - beganMs;
  t.ok(took > 100 - 20, `a former, longer interval does not count: ${String(took)} ms`);
});

t.test('what waits for a neighbour that is not there does not keep others waiting', async (t) => {
  const stage = await measured(t);
  for (let id = 2; id < 22; id++) {
    stage.strand(id, 4, id, mostStrands + id);
    stage.ask(id, { interval_us: 10_000 });
  }
  await sleep(2_500);
  const { sent, received, failed } = stage.quality(1);
  t.equal(failed, 0n);
  t.ok(sent - received <= 3n, `${String(sent)} sent, ${String(received)} answers`);
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
