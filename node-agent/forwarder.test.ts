// SPDX-License-Identifier: Apache-2.0
/** What is asked of a forwarder, and when, over a real operator's socket that comes, goes and falls silent. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { silentLogger } from '../api/log/log.js';
import type { WiresAnswer } from '../forwarder/operator/wire-answer.js';
import { serveOperator, type OperatorSocket } from '../forwarder/operator/server.js';
import { ManualClock, settle } from '../test/doubles/manual-clock.js';
import { RecordingOperator } from '../test/doubles/operator.js';
import { FollowedForwarder } from './forwarder.js';

const log = silentLogger();
const awake = setInterval(() => undefined, 1_000);
t.teardown(() => clearInterval(awake));

/** Which questions it was asked, and how many policies it has. */
class Counting extends RecordingOperator {
  readonly questions: string[] = [];
  count = 0;

  override wires(): WiresAnswer {
    this.questions.push('wires');
    return { version: this.changes.version('wires'), wires: [] };
  }

  override policies() {
    this.questions.push('policies');
    const one = { services: ['wan'], from: 'site', rules: 0, classes: [], digest: 'd' } as const;
    return Array.from({ length: this.count }, (_, n) => ({ name: `p${String(n)}`, ...one }));
  }

  override moves() {
    this.questions.push('moves');
    return super.moves();
  }

  override quality() {
    this.questions.push('quality');
    return super.quality();
  }
}

/** A follower on a clock that stands still, and how to wait until it knows something. */
function followed(t: Test) {
  // Longer paths no unix socket has.
  const folder = mkdtempSync(join(tmpdir(), 'ww-agent-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const socket = join(folder, 'operator.sock');
  const clock = new ManualClock();
  let wake = (): void => undefined;
  const forwarder = new FollowedForwarder({ socket, clock, log, changed: () => wake() });
  t.teardown(() => forwarder[Symbol.dispose]());
  const until = async (is: () => boolean): Promise<void> => {
    while (!is()) await new Promise<void>((resolve) => (wake = resolve));
  };
  return { socket, clock, forwarder, until };
}

/** Go on by this, until something is so: what a socket brings comes when it comes. */
async function passing(clock: ManualClock, stepMs: number, is: () => boolean): Promise<void> {
  while (!is()) {
    await clock.advance(stepMs);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

t.test('what is otherwise is asked, and nothing else', async (t) => {
  const { socket, clock, forwarder, until } = followed(t);
  const own = new ManualClock();
  const operator = new Counting();
  let served: OperatorSocket | undefined;
  const serve = async (): Promise<void> => {
    served = await serveOperator({ operator, path: socket, log, clock: own });
  };
  t.teardown(() => served?.close());
  await serve();
  await passing(clock, 100, () => forwarder.told.isRunning);
  t.same(operator.questions.splice(0).sort(), ['moves', 'policies', 'quality', 'wires']);

  operator.count = 2;
  for (let n = 0; n < 100; n++) operator.changes.count('policies');
  await own.advance(50);
  await until(() => Object.keys(forwarder.told.policies).length === 2);
  t.same(operator.questions.splice(0), ['policies'], 'a hundred changes are one question');

  // Beats alone, for a minute.
  for (let n = 0; n < 12; n++) {
    await own.advance(5_000);
    await clock.advance(5_000);
    await settle();
  }
  t.same(operator.questions, []);

  await served?.close();
  await until(() => !forwarder.told.isRunning);
  t.equal(Object.keys(forwarder.told.policies).length, 2, 'what it told last stays known');
  await serve();
  await passing(clock, 100, () => forwarder.told.isRunning);
  t.same(operator.questions, [], 'the same life, and nothing has changed');

  await served?.close();
  await until(() => !forwarder.told.isRunning);
  const next = new Counting();
  served = await serveOperator({ operator: next, path: socket, log, clock: own });
  await passing(clock, 100, () => forwarder.told.isRunning);
  t.same(forwarder.told.policies, {});
  t.same(next.questions.sort(), ['moves', 'policies', 'quality', 'wires'], 'of another life all');
  await served.close();
});

t.test('what changes while it is asked is asked again', async (t) => {
  const { socket, clock, forwarder, until } = followed(t);
  const own = new ManualClock();
  class Busy extends Counting {
    override policies() {
      const told = super.policies();
      // Behind the back of the answer that is being made.
      if (this.count < 3) {
        this.count++;
        this.changes.count('policies');
      }
      return told;
    }
  }
  const operator = new Busy();
  const served = await serveOperator({ operator, path: socket, log, clock: own });
  t.teardown(() => served.close());
  const turning = setInterval(() => void own.advance(60), 5);
  t.teardown(() => clearInterval(turning));
  await passing(clock, 1, () => forwarder.told.isRunning);
  await until(() => Object.keys(forwarder.told.policies).length === 3);
  t.pass('nothing is lost');
});

t.test('one that is silent, refuses, or talks rubbish is asked again later', async (t) => {
  const { socket, clock, forwarder } = followed(t);
  let turn = 0;
  const server = createServer((request, answer) => {
    if (request.url !== '/changes') return void answer.end('{}');
    turn++;
    if (turn === 1) answer.write('{"versions":');
    else if (turn === 2) answer.writeHead(404).end();
    else if (turn === 3) answer.end('none\n');
    else if (turn === 4) answer.write('x'.repeat(100_000));
    // And one whose answers are none.
    else answer.write('{"versions":{"wires":"1","policies":"1","links":"1","moves":"1"}}\n');
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  await passing(clock, 500, () => turn >= 7);
  t.notOk(forwarder.told.isRunning);
});
