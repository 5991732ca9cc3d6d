// SPDX-License-Identifier: Apache-2.0
/** Versions as lines, for readers that are quick, slow, silent or too many. */
import { status } from '@grpc/grpc-js';
import t from 'tap';
import { LineReader } from '../../test/doubles/line-reader.js';
import { ManualClock, settle } from '../../test/doubles/manual-clock.js';
import { beatMs, ChangeStreams, type ChangeLine } from './change-streams.js';
import { Changes } from './changes.js';

const reader = (taking = true): LineReader<ChangeLine> =>
  new LineReader({ taking, highWaterMark: 64 });

function served() {
  const clock = new ManualClock();
  let followed = 0;
  const changes = new Changes(() => {
    followed++;
    return { [Symbol.dispose]: () => void followed-- };
  });
  const operator = { followChanges: (changed: () => void) => changes.follow(changed) };
  const streams = new ChangeStreams(operator, clock);
  return { clock, changes, streams, followed: () => followed };
}

t.test('now, soon after changes, and at each beat', async (t) => {
  const { clock, changes, streams, followed } = served();
  t.equal(followed(), 0, 'what costs something is not followed for nobody');
  changes.count('wires');
  const [one, other] = [reader(), reader()];
  streams.open(one);
  streams.open(other);
  t.equal(followed(), 1);
  t.equal(one.lines.length, 1);
  const [first] = one.lines;
  t.equal(first?.versions.wires, changes.version('wires'));
  for (let n = 0; n < 1_000; n++) changes.count('wires');
  changes.count('links');
  await clock.advance(49);
  t.equal(one.lines.length, 1);
  await clock.advance(1);
  t.equal(one.lines.length, 2, 'many are one');
  const second = one.lines[1]?.versions;
  t.equal(second?.wires, changes.version('wires'));
  t.not(second?.wires, first?.versions.wires);
  t.not(second?.links, first?.versions.links);
  t.equal(second?.policies, first?.versions.policies);
  await clock.advance(beatMs);
  t.equal(one.lines.length, 3, 'it is alive');
  t.same(one.lines[2]?.versions, second);
  t.same(other.lines, one.lines);
  one.destroy();
  other.destroy();
  await settle();
  t.equal(followed(), 0);
  t.equal(clock.timers, 0);
  t.not(new Changes().version('wires'), new Changes().version('wires'), 'another life');
});

t.test('who is slow has the last one when it has read; who reads nothing is cut off', async (t) => {
  const { clock, changes, streams, followed } = served();
  const [slow, silent] = [reader(false), reader(false)];
  streams.open(slow);
  streams.open(silent);
  for (let n = 0; n < 20; n++) {
    changes.count('policies');
    await clock.advance(60);
  }
  t.ok(slow.writableLength < 512, 'no more waits for it than one line');
  slow.take();
  await settle();
  t.equal(slow.lines.length, 2);
  t.equal(slow.lines[1]?.versions.policies, changes.version('policies'));
  await clock.advance(beatMs);
  await settle();
  t.ok(silent.destroyed);
  t.notOk(slow.destroyed);
  streams.close();
  await settle();
  t.ok(slow.writableFinished, 'it is told that we end');
  t.equal(followed(), 0);
  t.equal(clock.timers, 0);
});

t.test('so many and no more, and one that cannot be followed leaves nothing', async (t) => {
  const { streams, clock } = served();
  const readers = Array.from({ length: 16 }, () => reader());
  for (const one of readers) streams.open(one);
  t.throws(() => streams.open(reader()), {
    code: status.RESOURCE_EXHAUSTED,
    message: /^16 readers follow the changes already/,
  });
  readers[3]?.destroy();
  await settle();
  streams.open(reader());
  streams.close();
  await settle();

  const refusing = new ChangeStreams(
    {
      followChanges: () => {
        throw new RangeError('stopping');
      },
    },
    clock,
  );
  for (let n = 0; n < 20; n++) t.throws(() => refusing.open(reader()), RangeError);
  t.equal(clock.timers, 0);
});
