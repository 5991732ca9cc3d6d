// SPDX-License-Identifier: Apache-2.0
/** What `wire_tx` tells of sessions, and where TCP connections begin and end. */
import t from 'tap';
import {
  defaultRule,
  downReasons,
  event as record,
  eventKinds,
  eventsWanted,
  limits,
  lost,
  sessionFlags,
  stays,
  unclassified,
  wireFlags,
} from '../../bpf/loader/layout.js';
import { hear } from './hearing.js';
import { ip, mapped, protocols, tcp, tcpFlags, udp, type Tuple } from './packets.js';
import { oneClass, TestPlane } from './plane.js';

const { create, move, close } = eventKinds;
const { fin, syn, rst, ack } = tcpFlags;
const { finOut, finIn, reset } = sessionFlags;
const ends = {
  4: { source: '172.16.0.2', destination: '10.60.0.9' },
  6: { source: 'fd00::2', destination: 'fd60::9' },
} as const;

function flowOf(family: 4 | 6, sourcePort: number, protocol: number = protocols.tcp): Tuple {
  return { ...ends[family], protocol, sourcePort, destinationPort: 80 };
}

function packet(flow: Tuple, flags: number = ack): Buffer {
  const [from, to] = [flow.sourcePort ?? 0, flow.destinationPort ?? 0];
  const data = Buffer.alloc(20);
  return ip(
    flow,
    flow.protocol === protocols.udp ? udp(from, to, data) : tcp(from, to, data, flags),
  );
}

function port(number: number): Buffer {
  return Buffer.from([number >> 8, number & 0xff]);
}

for (const family of [4, 6] as const) {
  t.test(`IPv${String(family)}: created, moved`, async (t) => {
    const plane = TestPlane.open(t);
    plane.setWire(3, { policy: 5 });
    for (const id of [1, 2]) plane.setStrand(id);
    plane.apply({ ...oneClass([1], [2]), policy: 5 });
    const flow = flowOf(family, 1000, protocols.udp);
    const heard = hear(t, plane);
    const before = process.hrtime.bigint();
    plane.send(packet(flow));
    plane.send(packet(flow));
    const [created] = await heard.next(1);
    const { source, destination } = ends[family];
    const who = {
      wire: 3,
      policy: 5,
      source: new Uint8Array(mapped(source)),
      destination: new Uint8Array(mapped(destination)),
      source_port: new Uint8Array(port(1000)),
      destination_port: new Uint8Array(port(80)),
      protocol: protocols.udp,
    };
    const usual = { ...who, class_id: 0, rule: defaultRule, flags: 0 };
    t.match(plain(created), { ...usual, kind: create, generation: 1, strand: 1, from: 0 });
    t.ok((created?.at_ns ?? 0n) > before && (created?.at_ns ?? 0n) < process.hrtime.bigint());

    plane.setDown(1, downReasons.carrier);
    plane.send(packet(flow));
    const [down] = await heard.next(1);
    t.match(plain(down), { ...usual, kind: move, generation: 1, strand: 2, from: 1 });
    plane.setDown(1, 0);
    plane.apply({ ...oneClass([1]), policy: 5 });
    plane.send(packet(flow));
    plane.apply({ ...oneClass([1]), policy: 5 });
    plane.send(packet(flow));
    plane.pin(flow, 2);
    plane.send(packet(flow));
    plane.pin(flow, undefined);
    plane.send(packet(flow));
    const pinned = { flags: sessionFlags.pinned, class_id: 0, generation: 3 };
    const rest = (await heard.next(3)).map(plain);
    t.match(rest, [
      { ...usual, kind: move, generation: 2, strand: 1, from: 2 },
      { ...usual, ...pinned, kind: move, strand: 2, from: 1 },
      { ...usual, kind: move, generation: 3, strand: 1, from: 2 },
    ]);
    t.same(heard.left, [], 'another generation alone is no news');
  });

  t.test(`IPv${String(family)}: closed, and another connection with its ports`, async (t) => {
    const plane = TestPlane.open(t);
    plane.setWire(1);
    for (const id of [1, 2]) plane.setStrand(id);
    plane.apply(oneClass([1], [2]));
    plane.holdReturns(1);
    const heard = hear(t, plane);
    const flow = flowOf(family, 1000);
    // On the second strand, where nothing would move it from.
    const onSecond = async (): Promise<void> => {
      plane.setDown(1, downReasons.carrier);
      plane.send(packet(flow, syn));
      plane.setDown(1, 0);
      plane.send(packet(flow));
      t.match(await heard.next(1), [{ kind: create, strand: 2 }]);
    };
    await onSecond();
    plane.send(packet(flow, fin | ack));
    plane.send(packet(flow));
    t.match(plane.known(flow), { flags: finOut, strand: 2 });
    plane.setSession(flow, { flags: finOut | finIn });
    for (const flags of [ack, fin | ack, syn | ack, syn | rst]) plane.send(packet(flow, flags));
    t.match(plane.known(flow), { strand: 2 }, 'what comes late goes the same way');
    plane.send(packet(flow, syn));
    t.match(plane.known(flow), { strand: 1, flags: 0, moves: 0, tx_packets: 1n });
    t.match(await heard.next(1), [{ kind: create, strand: 1, from: 0 }]);

    plane.setSession(flow, { flags: finIn });
    plane.send(packet(flow, fin | ack));
    plane.send(packet(flow, fin | ack));
    t.match(await heard.next(1), [{ kind: close, strand: 1, flags: finIn | finOut }]);
    await onSecond();
    plane.send(packet(flow, rst | ack));
    plane.send(packet(flow, rst));
    plane.send(packet(flow, fin | ack));
    t.match(await heard.next(1), [{ kind: close, strand: 2, flags: reset }]);
    plane.send(packet(flow, syn));
    // Sent again, the answer being late: the same connection.
    plane.send(packet(flow, syn));
    t.match(await heard.next(1), [{ kind: create, strand: 1 }]);
    plane.send(packet(flow, fin | ack));
    plane.send(packet(flow, syn));
    t.match(await heard.next(1), [{ kind: create, strand: 1 }], 'one side had said it is over');
    t.same(heard.left, []);
  });
}

t.test('a session that moves while it ends', async (t) => {
  const plane = TestPlane.open(t);
  plane.setWire(1);
  for (const id of [1, 2]) plane.setStrand(id);
  plane.apply(oneClass([1], [2]));
  const heard = hear(t, plane);
  const flow = flowOf(4, 1000);
  plane.send(packet(flow, fin | ack));
  plane.setDown(1, downReasons.carrier);
  plane.send(packet(flow));
  t.match(plane.known(flow), { strand: 2, flags: finOut });
  plane.setSession(flow, { flags: finIn });
  plane.send(packet(flow, fin | ack));
  t.match(await heard.next(3), [{ kind: create }, { kind: move }, { kind: close, strand: 2 }]);
});

t.test('a pin holds for the next connection, too; what was learned does not', async (t) => {
  const plane = TestPlane.open(t);
  plane.setWire(1, { flags: wireFlags.used });
  for (const id of [1, 2]) plane.setStrand(id);
  plane.apply(oneClass([1]));
  const heard = hear(t, plane);
  const flow = flowOf(4, 1000);
  plane.send(packet(flow, syn));
  const flags = sessionFlags.learned | finIn;
  const learned = { strand: 2, home: 2, sla: stays, flags, class_id: unclassified };
  plane.setSession(flow, learned);
  plane.send(packet(flow));
  plane.send(packet(flow, syn));
  t.match(plane.known(flow), { strand: 1, flags: 0 });
  plane.pin(flow, 2);
  plane.send(packet(flow, rst));
  plane.send(packet(flow, syn));
  const told = await heard.next(5);
  t.match(
    told.map(({ kind, strand }) => [kind, strand]),
    [
      [create, 1],
      [create, 1],
      [move, 2],
      [close, 2],
      [create, 2],
    ],
  );
});

t.test('only what TCP says in a whole header, of the session’s own protocol', async (t) => {
  const plane = TestPlane.open(t);
  plane.setWire(1);
  plane.setStrand(1);
  plane.apply(oneClass([1]));
  const heard = hear(t, plane);
  // A byte that would be RST, in a datagram.
  const bytes = Buffer.alloc(40, rst);
  plane.send(ip(flowOf(4, 1, protocols.udp), udp(1, 80, bytes)));
  t.match(plane.known(flowOf(4, 1, protocols.udp)), { flags: 0 });
  // Options before TCP's header, and a first fragment that holds its first 8 bytes only.
  const options = Buffer.alloc(8, 1);
  plane.send(ip({ ...flowOf(4, 2), options }, tcp(2, 80, bytes, rst)));
  t.match(plane.known(flowOf(4, 2)), { flags: reset });
  const short = tcp(3, 80, bytes, rst).subarray(0, 8);
  plane.send(ip({ ...flowOf(4, 3), more: true, id: 9 }, short));
  plane.send(ip({ ...flowOf(4, 3), offset: 1, id: 9 }, Buffer.alloc(64, rst)));
  t.match(plane.known(flowOf(4, 3)), { flags: 0, tx_packets: 2n });
  plane.send(ip({ ...flowOf(4, 4), more: true, id: 10 }, tcp(4, 80, bytes.subarray(0, 12), rst)));
  t.match(plane.known(flowOf(4, 4)), { flags: reset });
  t.equal((await heard.next(6)).length, 6);
});

t.test('to who counts moves nothing else is told', async (t) => {
  const plane = TestPlane.open(t);
  plane.setWire(1);
  for (const id of [1, 2]) plane.setStrand(id);
  plane.apply(oneClass([1], [2]));
  const heard = hear(t, plane);
  plane.control('events', eventsWanted.moves);
  const flow = flowOf(4, 1000);
  plane.send(packet(flow));
  plane.setDown(1, downReasons.carrier);
  plane.send(packet(flow));
  plane.send(packet(flow, rst));
  t.match(plane.known(flow), { strand: 2, flags: reset });
  plane.control('events', eventsWanted.all);
  plane.send(packet(flowOf(4, 1001)));
  t.match(await heard.next(2), [{ kind: move, from: 1, strand: 2 }, { kind: create }]);
});

t.test('what does not fit is counted, and nothing is told to nobody', async (t) => {
  const plane = TestPlane.open(t);
  plane.setWire(1);
  plane.setStrand(1);
  plane.apply(oneClass([1]));
  const send = (from: number, count: number): void => {
    for (let n = from; n < from + count; n++) plane.send(packet(flowOf(4, n, protocols.udp)));
  };
  const counted = (): number => plane.map('lost').load32(0, lost.offsets.counted);
  send(1, 5);
  plane.control('events', 1);
  const room = Math.floor((limits.events - 1) / (record.size + 8));
  send(10, room);
  t.equal(counted(), 0);
  send(20_000, 25);
  t.equal(counted(), 25);
  const heard = hear(t, plane);
  const told = await heard.next(room);
  t.strictSame(
    told.map(({ source_port }) => Buffer.from(source_port).readUInt16BE()),
    Array.from({ length: room }, (_, n) => 10 + n),
    'the oldest ones are there, in order',
  );
  send(30_000, 1);
  t.match(await heard.next(1), [{ kind: create }]);
  t.equal(counted(), 25);
});

/** Buffers and other byte arrays alike. */
function plain(event: object | undefined): object {
  return Object.fromEntries(
    Object.entries(event ?? {}).map(([key, value]: [string, unknown]) => [
      key,
      value instanceof Uint8Array ? new Uint8Array(value) : value,
    ]),
  );
}
