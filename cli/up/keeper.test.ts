// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { silentLogger } from '../../api/log/log.js';
import { ManualClock, settle } from '../../test/doubles/manual-clock.js';
import type { Child, Exit } from './child.js';
import { Keeper } from './keeper.js';

/** A process that does what the test says. */
class Actor implements Child {
  readonly pid: number;
  readonly signals: string[] = [];
  ready: Promise<string>;
  ended: Promise<Exit>;
  say: () => void = () => undefined;
  end: (exit: Exit) => void = () => undefined;
  /** What it ends by. */
  readonly heeds: readonly string[];

  constructor(pid: number, heeds = ['SIGTERM', 'SIGKILL']) {
    this.pid = pid;
    this.heeds = heeds;
    this.ready = new Promise((resolve) => (this.say = () => resolve('ready')));
    this.ended = new Promise((resolve) => (this.end = resolve));
  }

  kill(signal: NodeJS.Signals): void {
    this.signals.push(signal);
    if (this.heeds.includes(signal)) this.end({ code: 0, signal: null });
  }
}

function stage(heeds?: string[]) {
  const clock = new ManualClock();
  const actors: Actor[] = [];
  const pids: (number | undefined)[] = [];
  const keeper: Keeper = new Keeper({
    role: { name: 'manager', command: 'manager', env: {} },
    launch: () => {
      const actor = new Actor(actors.length + 1, heeds);
      actors.push(actor);
      return actor;
    },
    clock,
    log: silentLogger(),
    onChange: () => pids.push(keeper.pid),
  });
  const last = (): Actor => {
    const actor = actors.at(-1);
    if (actor === undefined) throw new Error('nobody was started');
    return actor;
  };
  const started = async (): Promise<void> => {
    const start = keeper.start();
    last().say();
    await start;
  };
  return { clock, actors, pids, keeper, last, started };
}

const killed: Exit = { code: null, signal: 'SIGKILL' };

t.test('a start waits until the process is ready', async (t) => {
  const { keeper, last } = stage();
  let ready = false;
  const start = keeper.start().then(() => (ready = true));
  await settle();
  t.notOk(ready);
  last().say();
  await start;
  t.equal(keeper.pid, 1);
});

t.test('a process that ends before it was ever ready is not tried again', async (t) => {
  const { clock, keeper, actors, last } = stage();
  const start = keeper.start();
  last().end({ code: 78, signal: null });
  await t.rejects(start, { message: /the manager ended before it was ready \(exit code 78\)/ });
  await clock.advance(60_000);
  t.equal(actors.length, 1);
  t.equal(keeper.pid, undefined);
});

t.test('one that dies is started again, after pauses that grow while it dies soon', async (t) => {
  const { clock, actors, keeper, pids, last, started } = stage();
  await started();
  const pauses: number[] = [];
  for (let time = 0; time < 10; time++) {
    const before = actors.length;
    last().end(killed);
    await settle();
    t.equal(keeper.pid, undefined, 'nobody runs meanwhile');
    let pauseMs = 0;
    while (actors.length === before) {
      await clock.advance(50);
      pauseMs += 50;
    }
    pauses.push(pauseMs);
  }
  t.strictSame(pauses, [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000, 10_000]);
  t.equal(keeper.pid, 11);
  t.strictSame(pids.slice(0, 4), [1, undefined, 2, undefined], 'each change is told');
});

t.test('pauses begin anew once it ran for a while', async (t) => {
  const { clock, actors, last, started } = stage();
  await started();
  for (const pauseMs of [100, 200, 400]) {
    last().end(killed);
    await clock.advance(pauseMs);
  }
  await clock.advance(10_000);
  last().end(killed);
  await clock.advance(99);
  t.equal(actors.length, 4);
  await clock.advance(1);
  t.equal(actors.length, 5);
});

t.test('one that is ended is not started again', async (t) => {
  const { clock, actors, keeper, last, started } = stage();
  await started();
  await keeper.end();
  t.strictSame(last().signals, ['SIGTERM']);
  await clock.advance(60_000);
  t.equal(actors.length, 1);
  t.equal(clock.timers, 0);
});

t.test('one that does not heed is killed', async (t) => {
  const { clock, keeper, last, started } = stage(['SIGKILL']);
  await started();
  const end = keeper.end();
  await clock.advance(7_999);
  t.strictSame(last().signals, ['SIGTERM']);
  await clock.advance(1);
  await end;
  t.strictSame(last().signals, ['SIGTERM', 'SIGKILL']);
});

t.test('ended in a pause', async (t) => {
  const { clock, actors, keeper, last, started } = stage();
  await started();
  last().end(killed);
  await settle();
  await keeper.end();
  await clock.advance(60_000);
  t.equal(actors.length, 1);
});

t.test('ended before it was ready', async (t) => {
  const { clock, actors, keeper } = stage();
  const start = keeper.start();
  start.catch(() => undefined);
  await keeper.end();
  await t.rejects(start, /ended before it was ready/);
  await clock.advance(60_000);
  t.equal(actors.length, 1);
});
