// SPDX-License-Identifier: Apache-2.0
/** The search of one strand against a path that passes packets up to some size. */
import t from 'tap';
import { confirmMs, PathMtu, raiseMs, triesFor, withinBytes, type Outcome } from './path-mtu.js';

/** A path, looked at every 100 ms; a try that is not answered is known to be missed after 300. */
class Path {
  passes = Infinity;
  /** What the kernel refuses to send. */
  cached = Infinity;
  base: number;
  answers = true;
  loss = 0;
  mayAsk: () => boolean = () => true;
  /** Each try is lost where this says so. */
  drops: () => boolean = () => false;
  nowMs = 0;
  readonly asked: number[] = [];
  readonly told: string[] = [];
  readonly mtu: PathMtu;
  #under: { readonly size: number; readonly atMs: number } | undefined;

  constructor(base = 1450, found = base) {
    this.base = base;
    this.mtu = new PathMtu(base, found);
  }

  run(ms: number): this {
    for (const end = this.nowMs + ms; this.nowMs < end; this.nowMs += 100) {
      const { ask, change } = this.mtu.step({
        nowMs: this.nowMs,
        base: this.base,
        answers: this.answers,
        outcome: this.#outcome(),
        confirmMs: confirmMs.flat,
        loss: this.loss,
        mayAsk: this.mayAsk(),
      });
      if (change !== undefined)
        this.told.push(`${String(change.from)} > ${String(change.to)}: ${change.why}`);
      if (ask === undefined) continue;
      this.asked.push(ask);
      this.#under = { size: ask, atMs: this.nowMs };
    }
    return this;
  }

  #outcome(): Outcome {
    if (this.#under === undefined) return 'pending';
    const { size, atMs } = this.#under;
    const outcome = this.#of(size, atMs);
    if (outcome !== 'pending') this.#under = undefined;
    return outcome;
  }

  #of(size: number, atMs: number): Outcome {
    if (size > this.cached) return 'refused';
    if (size <= this.passes && !this.drops()) return 'answered';
    return this.nowMs - atMs >= 300 ? 'missed' : 'pending';
  }

  /** How many tries there were. */
  tries(ms: number): number {
    const before = this.asked.length;
    this.run(ms);
    return this.asked.length - before;
  }
}

t.test('a path that passes all is asked once, and again every five seconds', (t) => {
  const path = new Path().run(60_000);
  t.strictSame(new Set(path.asked), new Set([1450]));
  t.ok(path.asked.length >= 11 && path.asked.length <= 13, String(path.asked.length));
  t.match(path.mtu, { mtu: 1450, isProbed: true, isBusy: false, why: '' });
  t.strictSame(path.told, []);
  t.end();
});

for (const size of [1280, 1281, 1300, 1392, 1400, 1441, 1449]) {
  t.test(
    `a path that shrinks to ${String(size)} bytes is found, within ${String(withinBytes)}`,
    (t) => {
      const path = new Path().run(10_000);
      path.passes = size;
      path.run(confirmMs.flat + 1_500);
      t.ok(path.mtu.mtu <= size, 'what is used passes already');
      path.run(8_000);
      t.notOk(path.mtu.isBusy, 'it has been found');
      t.ok(path.mtu.mtu <= size && size - path.mtu.mtu < withinBytes, String(path.mtu.mtu));
      t.equal(path.told.length, 1, path.told.join());
      t.match(
        path.told[0],
        new RegExp(`^1450 > ${String(path.mtu.mtu)}: .* ${String(path.mtu.mtu)} do$`),
      );
      t.equal(path.mtu.why, `path MTU ${String(path.mtu.mtu)} of 1450`);
      t.end();
    },
  );
}

t.test('one that has to wait for its turn is found, too, only later', (t) => {
  const path = new Path().run(1_000);
  let look = 0;
  path.mayAsk = () => look++ % 10 === 0;
  path.passes = 1400;
  path.run(45_000);
  t.ok(path.mtu.mtu > 1392 && path.mtu.mtu <= 1400, String(path.mtu.mtu));
  t.equal(path.told.length, 1);
  t.end();
});

t.test('what passes from the start on is found, too', (t) => {
  const path = new Path();
  path.passes = 1400;
  path.run(10_000);
  t.ok(path.mtu.mtu > 1392 && path.mtu.mtu <= 1400);
  t.end();
});

t.test('jumbo frames', (t) => {
  const path = new Path(8_950).run(1_000);
  path.passes = 4_000;
  path.run(20_000);
  t.ok(path.mtu.mtu > 3_992 && path.mtu.mtu <= 4_000, String(path.mtu.mtu));
  t.end();
});

t.test('more is tried after a minute, then ever more seldom', (t) => {
  const path = new Path().run(1_000);
  path.passes = 1400;
  path.run(15_000);
  path.passes = 1450;
  path.run(raiseMs.first);
  t.equal(path.mtu.mtu, 1450);
  t.match(path.told.at(-1), /> 1450: 1450 bytes pass$/);
  path.passes = 1400;
  path.run(15_000);
  const bases = () => path.asked.filter((size) => size === 1450).length;
  const counts = Array.from({ length: 60 }, () => {
    const before = bases();
    path.run(60_000);
    return bases() - before;
  });
  const times = counts.flatMap((count, minute) => (count > 0 ? [minute] : []));
  t.ok(times.length >= 6 && times.length <= 10, times.join());
  t.equal(path.told.length, 3, 'nothing is told of what stays');
  t.end();
});

t.test('a path that carries a little more is found to', (t) => {
  const path = new Path().run(1_000);
  path.passes = 1300;
  path.run(15_000);
  path.passes = 1420;
  path.run(raiseMs.first + 10_000);
  t.ok(path.mtu.mtu > 1412 && path.mtu.mtu <= 1420, String(path.mtu.mtu));
  t.equal(path.told.length, 2);
  t.end();
});

t.test('a link that is back may carry all again, at once', (t) => {
  const path = new Path().run(1_000);
  path.passes = 1400;
  path.run(15_000);
  path.answers = false;
  path.run(1_000);
  path.passes = 1450;
  path.answers = true;
  path.run(300);
  t.equal(path.mtu.mtu, 1450);
  t.end();
});

t.test('while the link is silent nothing is asked, and nothing concluded', (t) => {
  const path = new Path().run(1_000);
  path.passes = 0;
  path.answers = false;
  t.equal(path.tries(600_000), 0);
  t.equal(path.mtu.mtu, 1450);
  t.end();
});

t.test('who answers no large probes at all is believed by its devices', (t) => {
  const path = new Path();
  path.passes = 0;
  path.run(30_000);
  t.match(path.mtu, { mtu: 1450, isProbed: false, isBusy: false, why: '' });
  t.strictSame(path.told, []);
  const asked = path.tries(600_000);
  t.ok(asked <= 6 * 5, `${String(asked)} more in ten minutes`);
  t.end();
});

t.test('nobody knows of large probes: nothing changes', (t) => {
  const mtu = new PathMtu(1450);
  const moment = { base: 1450, answers: true, confirmMs: 5_000, loss: 0, mayAsk: true };
  let asked = 0;
  for (let nowMs = 0; nowMs < 100_000; nowMs += 100) {
    const step = mtu.step({ ...moment, nowMs, outcome: nowMs % 10_000 === 0 ? 'void' : 'pending' });
    if (step.ask !== undefined) asked++;
    t.equal(step.mtu, 1450);
  }
  t.ok(asked < 15, String(asked));
  t.end();
});

t.test('a path below what IPv6 wants: the least is used, and said', (t) => {
  const path = new Path().run(1_000);
  path.passes = 1000;
  path.run(15_000);
  t.match(path.mtu, { mtu: 1280, why: 'not even 1280 bytes pass' });
  t.strictSame(path.told, ['1450 > 1280: not even 1280 bytes pass']);
  path.passes = 1450;
  path.run(raiseMs.last);
  t.match(path.mtu, { mtu: 1450, why: '' });
  t.end();
});

t.test('what the kernel refuses need not be tried thrice', (t) => {
  const path = new Path().run(1_000);
  path.cached = 1400;
  path.run(confirmMs.flat);
  t.ok(path.mtu.mtu > 1392 && path.mtu.mtu <= 1400);
  t.ok(path.asked.length < 12, String(path.asked.length));
  t.end();
});

t.test('devices that carry less, or more', (t) => {
  const path = new Path().run(1_000);
  path.base = 1350;
  path.run(1_000);
  t.equal(path.mtu.mtu, 1350);
  path.base = 1450;
  path.run(1_000);
  t.equal(path.mtu.mtu, 1450);
  t.strictSame(path.told, [
    '1450 > 1350: the devices carry 1350 bytes',
    '1350 > 1450: 1450 bytes pass',
  ]);
  const unheard = new PathMtu(1350);
  const moment = {
    nowMs: 0,
    answers: false,
    outcome: 'pending',
    confirmMs: 5_000,
    loss: 0,
    mayAsk: true,
  } as const;
  t.equal(unheard.step({ ...moment, base: 1450 }).mtu, 1450, 'who is not probed goes by them');
  t.end();
});

t.test('a former life’s finding holds until more is proven', (t) => {
  const path = new Path(1450, 1396);
  path.passes = 1400;
  path.run(100);
  t.equal(path.mtu.mtu, 1396);
  path.run(10_000);
  t.equal(path.mtu.mtu, 1396);
  t.strictSame(path.told, []);
  const mended = new Path(1450, 1396).run(500);
  t.equal(mended.mtu.mtu, 1450);
  t.end();
});

t.test('loss is no small path', (t) => {
  t.strictSame([0, 0.01, 0.05, 0.3, 1].map(triesFor), [3, 3, 5, 12, 12]);
  let seed = 1;
  const random = () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
  for (const loss of [0.01, 0.05, 0.2]) {
    const path = new Path();
    path.loss = loss;
    path.drops = () => random() < loss;
    path.run(86_400_000);
    t.equal(
      path.told.length,
      0,
      `none in a day with a loss of ${String(loss)}: ${path.told.join()}`,
    );
  }
  const path = new Path();
  path.drops = () => random() < 0.05;
  path.run(86_400_000);
  t.ok(
    path.told.length <= 4,
    `large ones alone are lost: ${String(path.told.length)} moves in a day`,
  );
  t.end();
});
