// SPDX-License-Identifier: Apache-2.0
/** Lines for readers that are quick, slow, silent or gone. */
import { PassThrough } from 'node:stream';
import t from 'tap';
import { LineReader } from '../../test/doubles/line-reader.js';
import { ManualClock, settle } from '../../test/doubles/manual-clock.js';
import { RecordingOperator } from '../../test/doubles/operator.js';
import { EventStreams } from './event-streams.js';
import type { SessionChange, SessionEvent } from './session-event.js';

function change(kind: SessionChange['kind'], port: number): SessionChange {
  return {
    at: 1.5,
    kind,
    wire: { id: 'w-5', client: 'nsc', service: 'wan', interface: 'nsm-1' },
    protocol: 'tcp',
    source: `172.16.0.1:${String(port)}`,
    destination: '10.60.0.10:80',
    class: 'bulk',
    rule: '',
    strand: 'lte-cloud/wan1',
    link: 'lte',
    generation: 3,
  };
}

const lineLength = JSON.stringify(change('create', 40_000)).length + 1;

function served(mostWaiting = 10 * lineLength) {
  const operator = new RecordingOperator();
  const clock = new ManualClock();
  const streams = new EventStreams({ operator, clock, mostWaiting, patienceMs: 1_000 });
  const tell = (...events: SessionEvent[]): void => {
    for (const told of operator.followers) told(events);
  };
  return { operator, clock, streams, tell };
}

t.test('first the sessions that are there, then what happens, also meanwhile', async (t) => {
  const { operator, streams, tell } = served(2 ** 20);
  operator.present = Array.from({ length: 1000 }, (_, port) => change('present', port));
  const reader = new LineReader<SessionEvent>();
  const end = streams.open(reader);
  tell(change('create', 40_000));
  await settle();
  reader.take();
  while (reader.lines.length < 1001) await settle();
  tell(change('move', 40_000), change('close', 40_000));
  const { lines: events } = reader;
  t.equal(events.length, 1003);
  t.strictSame(events[999], change('present', 999));
  t.same(
    events.slice(1000).map(({ kind }) => kind),
    ['create', 'move', 'close'],
  );
  reader.destroy();
  t.equal(await end, 'left');
  t.equal(operator.followers.size, 0);
});

t.test('a reader that is too slow is cut off, and told how much it has missed', async (t) => {
  const { operator, clock, streams, tell } = served();
  const [slow, quick] = [new LineReader<SessionEvent>(), new LineReader<SessionEvent>()];
  quick.take();
  const end = streams.open(slow);
  void streams.open(quick);
  await settle();
  for (let port = 0; port < 40; port++) {
    tell(change('create', 40_000 + port));
    await settle();
  }
  tell({ at: 2, kind: 'lost', count: 5 });
  slow.take();
  t.equal(await end, 'slow');
  await settle();
  const told = slow.lines;
  const last = told.pop();
  t.ok(told.length >= 9 && told.length <= 11, `${String(told.length)} were told`);
  t.strictSame(last, { at: clock.now(), kind: 'lost', count: 45 - told.length });
  t.ok(slow.writableFinished, 'it ends there');
  t.equal(quick.lines.length, 41, 'another one misses nothing');
  t.equal(operator.followers.size, 1);
  t.equal(clock.timers, 0);
});

t.test('one that reads nothing at all is hung up on', async (t) => {
  const { operator, clock, streams, tell } = served();
  const silent = new LineReader<SessionEvent>();
  const end = streams.open(silent);
  await settle();
  for (let port = 0; port < 40; port++) tell(change('create', port));
  await clock.advance(1_000);
  t.equal(await end, 'slow');
  t.ok(silent.destroyed);
  t.notMatch(silent.text, /lost/);

  operator.present = Array.from({ length: 1000 }, (_, port) => change('present', port));
  const early = new LineReader<SessionEvent>();
  const ended = streams.open(early);
  tell(change('create', 40_000));
  await clock.advance(999);
  t.notOk(early.destroyed);
  await clock.advance(1);
  t.equal(await ended, 'slow', 'also while it is told of those that are there');
  t.ok(early.destroyed);
  t.equal(operator.followers.size, 0);
});

t.test('too much happens while the present sessions are written', async (t) => {
  const { operator, clock, streams, tell } = served(400 * lineLength);
  operator.present = Array.from({ length: 256 }, (_, port) => change('present', port));
  const reader = new LineReader<SessionEvent>();
  const end = streams.open(reader);
  for (let n = 0; n < 500; n++) tell(change('create', n));
  await settle();
  reader.take();
  t.equal(await end, 'slow');
  t.same(reader.lines.slice(256), [{ at: clock.now(), kind: 'lost', count: 500 }]);
});

t.test('when the forwarder stops, streams end after what was told', async (t) => {
  const { operator, streams, tell } = served(2 ** 20);
  operator.present = [change('present', 1)];
  const [one, other] = [new PassThrough(), new PassThrough()];
  const ends = [streams.open(one), streams.open(other)];
  await settle();
  tell(change('create', 2));
  streams.close();
  tell(change('create', 3));
  for (const out of [one, other]) {
    let text = '';
    for await (const part of out) text += String(part);
    t.equal(text.split('\n').length, 3);
  }
  t.same(await Promise.all(ends), ['stopped', 'stopped']);
  t.equal(operator.followers.size, 0);
});

t.test('a reader that is refused is no reader', (t) => {
  const { operator, streams } = served();
  operator.failure = new Error('too many');
  let begun = false;
  t.throws(() => streams.open(new PassThrough(), () => (begun = true)), { message: 'too many' });
  t.notOk(begun);
  t.end();
});
