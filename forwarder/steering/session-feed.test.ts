// SPDX-License-Identifier: Apache-2.0
/** Records and entries of the data plane as events, for those who follow; the plane is a double. */
import { status } from '@grpc/grpc-js';
import t from 'tap';
import * as layout from '../../bpf/loader/layout.js';
import { ManualClock } from '../../test/doubles/manual-clock.js';
import { parseFlow } from '../operator/flow.js';
import type { SessionEvent } from '../operator/session-event.js';
import { Epoch } from './epoch.js';
import { MoveCounting } from './session-moves.js';
import { SessionFeed, type EventSource, type EventsWanted } from './session-feed.js';

const flow = { protocol: 'tcp', source: '172.16.0.1:40000', destination: '10.60.0.10:80' };
const six = { protocol: 'udp', source: '[fd00::1]:5060', destination: '[fd60::9]:5060' };
const ping = { protocol: 'icmp', source: '172.16.0.1:7', destination: '10.60.0.10:7' };

const { rulesetRow, limits, eventKinds, sessionFlags } = layout;
const row = (generation: number): number => rulesetRow(generation & 1, 2);

/** Numbers as a forwarder of generation 7 has given them; wire 9 and strand 8 are gone. */
const names: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'wire:5': { id: 'w-5', client: 'nsc', service: 'wan', name: 'nsm-1' },
  'strand:1': { name: 'fibre-cloud/wan0', link: 'fibre' },
  'strand:2': { name: 'lte-cloud/wan1', link: 'lte' },
  [`class:${String((row(7) << 16) | 1)}`]: { name: 'low-latency' },
  [`rule:${String(row(7) * limits.rules + 3)}`]: { name: 'voice' },
  [`class:${String((row(6) << 16) | 1)}`]: { name: 'before' },
};
const gone: typeof names = {
  'wire:9': { id: 'w-9', client: 'nsc', service: 'wan', name: 'nsm-9' },
  'strand:8': { name: 'old-cloud/wan0', link: 'old' },
};

type MapEntries = readonly (readonly [key: Buffer, value: Buffer])[];

/** A plane whose ring buffer the test fills. */
class TestSource implements EventSource {
  eventsWanted: EventsWanted = 'none';
  generation = 7;
  lost = 0;
  reading = false;
  closed = false;
  four: MapEntries = [];
  six: MapEntries = [];
  onRecords: (records: Buffer, full: boolean) => void = () => undefined;
  readonly tables = {
    sessions4: { map: { packed: () => packed(this.four) } },
    sessions6: { map: { packed: () => packed(this.six) } },
    wires: { get: ({ value }: { value: number }) => (value === 5 ? { policy: 2 } : undefined) },
  };

  events({ onRecords }: Parameters<EventSource['events']>[0]) {
    this.onRecords = onRecords;
    return {
      read: () => void (this.reading = true),
      rest: () => void (this.reading = false),
      [Symbol.dispose]: () => void (this.closed = true),
    };
  }

  takeLost(): number {
    const count = this.lost;
    this.lost = 0;
    return count;
  }

  nameOf(kind: string, id: number) {
    return names[`${kind}:${String(id)}`];
  }

  lastNameOf(kind: string, id: number) {
    return this.nameOf(kind, id) ?? gone[`${kind}:${String(id)}`];
  }
}

function packed(entries: MapEntries) {
  return {
    keys: Buffer.concat(entries.map(([key]) => key)),
    values: Buffer.concat(entries.map(([, value]) => value)),
  };
}

type Text = typeof flow;

function record(text: Text, values: Parameters<typeof layout.event.encode>[0]): Buffer {
  const usual = { wire: 5, policy: 2, generation: 7, strand: 1, class_id: 1, rule: 3 };
  return layout.event.encode({ ...usual, ...parseFlow(text), ...values });
}

function entry(text: Text, value: Partial<layout.Session>, wire = 5): MapEntries[number] {
  const key = { ...parseFlow(text), wire };
  const session = layout.session.encode({
    ...{ generation: 7, strand: 1, class_id: 1, rule: 3 },
    ...value,
  });
  if (text.source.startsWith('[')) return [layout.flow.encode(key), session];
  const [source, destination] = [key.source.subarray(12), key.destination.subarray(12)];
  return [layout.flow4.encode({ ...key, source, destination }), session];
}

const wire = { id: 'w-5', client: 'nsc', service: 'wan', interface: 'nsm-1' };
const fibre = { strand: 'fibre-cloud/wan0', link: 'fibre' };
const lte = { strand: 'lte-cloud/wan1', link: 'lte' };
const voice = { class: 'low-latency', rule: 'voice', generation: 7 };

function followed(options: { graceMs?: number } = {}) {
  const plane = new TestSource();
  const clock = new ManualClock(1_000_000);
  const monotonic = () => BigInt(clock.now() - 999_000) * 1_000_000n + 250_000n;
  const heard: SessionEvent[] = [];
  const feed = (): SessionFeed => new SessionFeed({ plane, clock, monotonic, ...options });
  return {
    plane,
    clock,
    heard,
    feed,
    told: (events: readonly SessionEvent[]) => heard.push(...events),
  };
}

t.test('records, in words', (t) => {
  const { plane, heard, feed, told } = followed();
  const ours = feed();
  const following = ours.follow(told);
  t.same([...following.present], []);
  const at_ns = 900_500_000n;
  const learned = { class_id: layout.unclassified, rule: layout.unclassified };
  plane.onRecords(
    Buffer.concat([
      record(flow, { kind: eventKinds.create, at_ns }),
      record(flow, { kind: eventKinds.move, at_ns, strand: 2, from: 1 }),
      record(six, { kind: eventKinds.move, strand: 1, from: 8, at_ns, rule: layout.defaultRule }),
      record(flow, { kind: eventKinds.close, at_ns, wire: 9, generation: 6 }),
      record(ping, { kind: eventKinds.create, at_ns, generation: 5, wire: 77, strand: 78 }),
      record(ping, { kind: eventKinds.create, at_ns, ...learned }),
      record(ping, { kind: 99 }),
    ]),
    false,
  );
  // It is 1,000,000 where the monotonic clock is at 1,000.25 ms.
  const at = 999_900.25;
  const before = { id: 'w-9', client: 'nsc', service: 'wan', interface: 'nsm-9' };
  const unknown = { id: '#77', client: '', service: '', interface: '' };
  t.strictSame(heard, [
    { at, kind: 'create', wire, ...flow, ...voice, ...fibre },
    { at, kind: 'move', wire, ...flow, ...voice, ...lte, from: 'fibre' },
    { at, kind: 'move', wire, ...six, ...voice, rule: '', ...fibre, from: 'old' },
    {
      at,
      kind: 'close',
      wire: before,
      ...flow,
      class: 'before',
      rule: `#${String(row(6) * 1024 + 3)}`,
      ...fibre,
      generation: 6,
    },
    {
      at,
      kind: 'create',
      wire: unknown,
      ...ping,
      class: '',
      rule: '',
      strand: '#78',
      link: '',
      generation: 5,
    },
    { at, kind: 'create', wire, ...ping, class: '', rule: '', ...fibre, generation: 7 },
  ]);
  t.end();
});

t.test('the sessions that are there: only open ones, of wires that are there', (t) => {
  const { plane, feed, told } = followed();
  const { finOut, finIn, reset, learned } = sessionFlags;
  plane.four = [
    entry(flow, { flags: finOut }),
    entry({ ...flow, source: '172.16.0.1:2' }, { flags: finOut | finIn }),
    entry({ ...flow, source: '172.16.0.1:3' }, { flags: reset }),
    entry({ ...flow, source: '172.16.0.1:4' }, {}, 9),
    entry({ ...flow, source: '172.16.0.1:5' }, { strand: 0 }),
    entry(ping, { strand: 2, flags: learned, class_id: layout.unclassified, rule: 0xffff }),
  ];
  plane.six = [entry(six, { generation: 3 })];
  const { present } = feed().follow(told);
  const at = 1_000_000;
  t.strictSame(
    [...present],
    [
      { at, kind: 'present', wire, ...flow, ...voice, ...fibre },
      { at, kind: 'present', wire, ...ping, class: '', rule: '', ...lte, generation: 7 },
      { at, kind: 'present', wire, ...six, class: '', rule: '', ...fibre, generation: 3 },
    ],
  );
  t.end();
});

t.test('nothing is wanted while nobody follows', (t) => {
  const { plane, heard, feed, told } = followed();
  const ours = feed();
  t.match(plane, { eventsWanted: 'none', reading: true }, 'what was left over goes');
  const [one, other] = [ours.follow(told), ours.follow(told)];
  t.equal(plane.eventsWanted, 'all');
  plane.lost = 3;
  plane.onRecords(record(flow, { kind: eventKinds.create }), false);
  t.match(heard, [
    { kind: 'create' },
    { kind: 'lost', count: 3 },
    { kind: 'create' },
    { count: 3 },
  ]);
  one[Symbol.dispose]();
  one[Symbol.dispose]();
  t.equal(plane.eventsWanted, 'all', 'another one does');
  other[Symbol.dispose]();
  t.match(plane, { eventsWanted: 'none', reading: true });
  plane.lost = 5;
  plane.onRecords(record(flow, { kind: eventKinds.create }), false);
  ours.follow(told);
  plane.onRecords(Buffer.alloc(0), false);
  t.equal(heard.length, 4, 'what was lost before concerns nobody');
  t.end();
});

t.test('what happened while no forwarder ran waits for who comes in time', async (t) => {
  const { plane, clock, feed, told } = followed({ graceMs: 5_000 });
  plane.eventsWanted = 'all';
  const first = feed();
  t.equal(plane.reading, false, 'it stays in the ring buffer');
  await clock.advance(4_999);
  const following = first.follow(told);
  t.equal(plane.reading, true);
  await clock.advance(10_000);
  t.equal(plane.eventsWanted, 'all');
  first[Symbol.dispose]();
  following[Symbol.dispose]();
  t.match(plane, { eventsWanted: 'all', closed: true }, 'the next life is told what comes now');
  t.throws(() => first.follow(told), { code: status.UNAVAILABLE });

  plane.reading = false;
  feed();
  await clock.advance(5_000);
  t.match(plane, { eventsWanted: 'none', reading: true }, 'nobody came back');
  t.equal(clock.timers, 0);
});

t.test('who counts moves has the programs tell of nothing else', async (t) => {
  const { plane, clock, feed, told } = followed({ graceMs: 5_000 });
  const ours = feed();
  let changed = 0;
  const moves = new MoveCounting({ feed: ours, meanings: plane });
  const counting = moves.begin(() => void changed++);
  t.match(plane, { eventsWanted: 'moves', reading: true });
  t.equal(changed, 1, 'it begins anew');
  const { epoch } = moves.answer;
  plane.lost = 2;
  plane.onRecords(
    Buffer.concat([
      record(flow, { kind: eventKinds.create }),
      record(flow, { kind: eventKinds.move, from: 1, strand: 2 }),
      record(ping, { kind: eventKinds.move, from: 1, strand: 2 }),
      record(six, { kind: eventKinds.move, from: 8, strand: 77 }),
      record(flow, { kind: eventKinds.close }),
    ]),
    false,
  );
  const old = { strand: 'old-cloud/wan0', link: 'old' };
  t.same(moves.answer, {
    ...{ epoch, lost: 2 },
    moves: [
      { from: fibre, to: lte, sessions: 2 },
      { from: old, to: { strand: '#77', link: '' }, sessions: 1 },
    ],
  });
  t.equal(changed, 2);
  plane.onRecords(record(flow, { kind: eventKinds.create }), false);
  t.equal(changed, 2, 'that is none');

  const following = ours.follow(told);
  t.equal(plane.eventsWanted, 'all');
  plane.onRecords(record(flow, { kind: eventKinds.move, from: 1, strand: 2 }), false);
  t.match(moves.answer.moves, [{ sessions: 3 }, {}], 'both hear it');
  following[Symbol.dispose]();
  t.equal(plane.eventsWanted, 'moves');
  counting[Symbol.dispose]();
  t.equal(plane.eventsWanted, 'none');
  using again = moves.begin(() => undefined);
  t.not(moves.answer.epoch, epoch);
  t.same(moves.answer.moves, [], 'from zero');

  ours[Symbol.dispose]();
  t.match(plane, { eventsWanted: 'moves', closed: true }, 'the next life counts what comes now');
  again[Symbol.dispose]();
  t.equal(plane.eventsWanted, 'moves');
  t.throws(() => ours.count(() => undefined), { code: status.UNAVAILABLE });

  plane.reading = false;
  feed().count(() => undefined);
  t.match(plane, { eventsWanted: 'moves', reading: true }, 'who counts need not wait for anybody');

  plane.eventsWanted = 'all';
  plane.reading = false;
  feed().count(() => undefined);
  t.match(plane, { eventsWanted: 'all', reading: false }, 'what waits for a reader of all waits');
  await clock.advance(5_000);
  t.match(plane, { eventsWanted: 'moves', reading: true }, 'nobody came');
  t.equal(clock.timers, 0);
});

t.test('so many readers and no more; one that cannot be served leaves nothing', (t) => {
  const { plane, feed, told } = followed();
  const ours = feed();
  plane.tables.sessions4.map.packed = () => {
    throw new RangeError('no memory');
  };
  t.throws(() => ours.follow(told), RangeError);
  t.equal(plane.eventsWanted, 'none');
  plane.tables.sessions4.map.packed = () => packed([]);
  const all = Array.from({ length: 16 }, () => ours.follow(told));
  t.throws(() => ours.follow(told), { code: status.RESOURCE_EXHAUSTED, message: /^16 readers/ });
  all[3]?.[Symbol.dispose]();
  ours.follow(told);
  t.end();
});

t.test('times of day: they do not jump, and follow a clock that is set', (t) => {
  const wall = { ms: 5_000.9, now: () => Math.floor(wall.ms) };
  let ns = 1_000_000n;
  const epoch = new Epoch(wall, () => ns);
  t.equal(epoch.now(), 5_000, 'known to a millisecond at first');
  wall.ms += 0.2;
  ns += 200_000n;
  t.equal(epoch.now(), 5_001, 'a tick of the wall clock tells more');
  const drift: number[] = [];
  for (let n = 0; n < 50; n++) {
    wall.ms += 0.37;
    ns += 370_000n;
    drift.push(epoch.now() - wall.ms);
  }
  t.ok(
    drift.every((one) => one > -0.2 && one < 0.001),
    `by ${String(Math.min(...drift))}`,
  );
  wall.ms += 60_000;
  t.ok(Math.abs(epoch.now() - wall.ms) <= 1);
  t.equal(epoch.of(ns - 2_500_000n), Math.round((epoch.of(ns) - 2.5) * 1000) / 1000);
  t.end();
});
