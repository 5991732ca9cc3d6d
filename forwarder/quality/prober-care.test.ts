// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { silentLogger } from '../../api/log/log.js';
import { KeptProber } from './prober-care.js';

function stage() {
  const state = { nowMs: 1_000_000, running: 0, started: 0, refused: false };
  const prober = new KeptProber({
    ensure: () => {
      state.started++;
      if (state.refused) return Promise.reject(new Error('no program'));
      return Promise.resolve((state.running = 100 + state.started));
    },
    runs: (pid) => pid === state.running,
    clock: { now: () => state.nowMs },
    log: silentLogger(),
  });
  /** What is asked at each tick of a time, and what comes of it. */
  const wait = async (ms: number): Promise<void> => {
    for (const endMs = state.nowMs + ms; state.nowMs < endMs; state.nowMs += 100) {
      prober.look();
      await Promise.resolve();
      await Promise.resolve();
    }
  };
  return { state, prober, wait };
}

t.test('one that runs is left alone, one that died is started again at once', async (t) => {
  const { state, prober, wait } = stage();
  await prober.start();
  t.equal(prober.pid, 101);
  await wait(20_000);
  t.equal(state.started, 1);
  state.running = 0;
  await wait(200);
  t.equal(prober.pid, 102);
});

t.test('one that cannot be started is tried more and more seldom', async (t) => {
  const { state, prober, wait } = stage();
  state.refused = true;
  await prober.start();
  t.equal(prober.pid, undefined);
  await wait(10_000);
  t.ok(state.started > 4 && state.started < 10, `${String(state.started)} times in 10 s`);
  const before = state.started;
  await wait(300_000);
  t.ok(state.started - before < 14, `${String(state.started - before)} times in 5 min`);
  state.refused = false;
  await wait(31_000);
  t.ok(prober.pid !== undefined);
});

t.test('a clock that is set back does not keep it waiting', async (t) => {
  const { state, prober, wait } = stage();
  state.refused = true;
  await prober.start();
  state.refused = false;
  state.nowMs -= 3_600_000;
  await wait(200);
  t.ok(prober.pid !== undefined);
});
