// SPDX-License-Identifier: Apache-2.0
/** Many new sessions: the insert rate, a flood through one wire, a full map. */
import t from 'tap';
import { ip, protocols, tcp } from './packets.js';
import { oneClass, TestPlane } from './plane.js';

const syn = (n: number, source = '172.16.0.2') => {
  const tuple = {
    source,
    destination: '10.60.0.9',
    protocol: protocols.tcp,
    sourcePort: n & 0xffff,
    destinationPort: 1 + (n >> 16),
  };
  return { tuple, frame: ip(tuple, tcp(tuple.sourcePort, tuple.destinationPort)) };
};

/** Cached sessions of a wire. */
function cached(plane: TestPlane, wire: number): number {
  const keys = plane.map('sessions4').keys();
  return keys.filter((key) => key.readUInt32LE(0) === wire).length;
}

t.test('above its rate a wire’s new sessions are steered all the same, uncached', (t) => {
  const plane = TestPlane.open(t, 65_536);
  plane.setWire(1);
  plane.setStrand(1);
  plane.setStrand(2);
  plane.apply(oneClass([1, 2]));
  plane.control('insert_rate', 10);
  for (let n = 0; n < 50; n++) t.equal(plane.send(syn(n).frame), 'redirect');
  const { tx_packets, uncached } = plane.wireStats();
  const inserted = cached(plane, 1);
  t.equal(tx_packets, 50n);
  t.equal(uncached, BigInt(50 - inserted));
  // One second's worth at once, and as many again for each second that this took.
  t.ok(inserted >= 10 && inserted < 40, String(inserted));
  const late = syn(49);
  t.equal(plane.session(late.tuple), undefined);
  plane.control('insert_rate', 0);
  plane.send(late.frame);
  t.match(plane.known(late.tuple), { tx_packets: 1n }, 'no limit');
  t.end();
});

t.test('a session that was steered uncached gets the same strand every time', (t) => {
  const plane = TestPlane.open(t);
  plane.setWire(1);
  for (const id of [1, 2, 3]) plane.setStrand(id);
  plane.apply(oneClass([1, 2, 3]));
  const { tuple, frame } = syn(7);
  plane.send(frame);
  const { strand } = plane.known(tuple);
  const before = plane.strandStats(strand).tx_packets;
  plane.map('sessions4').delete(plane.map('sessions4').keys()[0] ?? Buffer.alloc(0));
  plane.control('insert_rate', 1);
  for (let n = 100; n < 110; n++) plane.send(syn(n).frame);
  const others = plane.strandStats(strand).tx_packets;
  for (let n = 0; n < 5; n++) plane.send(frame);
  t.ok(others >= before);
  t.equal(plane.strandStats(strand).tx_packets, others + 5n);
  t.end();
});

t.test('a flood through one wire leaves the other’s sessions where they are', (t) => {
  const plane = TestPlane.open(t, 16_384);
  for (const id of [1, 2]) plane.setStrand(id);
  plane.setWire(2);
  plane.apply(oneClass([1, 2]));
  // However long the flood takes here, it does not fill the map.
  plane.control('insert_rate', 250);
  const own = Array.from({ length: 200 }, (_, n) => syn(n, '172.16.0.7'));
  for (const { frame } of own) plane.send(frame);
  const strands = own.map(({ tuple }) => plane.known(tuple).strand);
  plane.setWire(1);
  for (let n = 0; n < 50_000; n++) plane.send(syn(n).frame);
  t.equal(plane.wireStats().tx_packets, 50_000n);
  t.ok(plane.wireStats().uncached > 0n);
  plane.setWire(2);
  for (const { frame } of own) plane.send(frame);
  t.same(
    own
      .map(({ tuple }) => plane.known(tuple))
      .map(({ strand, tx_packets }) => [strand, tx_packets]),
    strands.map((strand) => [strand, 2n]),
  );
  t.end();
});

t.test('a full map forgets the oldest, and every packet is still sent', (t) => {
  const plane = TestPlane.open(t, 1024);
  plane.setWire(1);
  for (const id of [1, 2]) plane.setStrand(id);
  plane.apply(oneClass([1, 2]));
  for (let n = 0; n < 5000; n++) plane.send(syn(n).frame);
  t.match(plane.wireStats(), { tx_packets: 5000n, uncached: 0n });
  t.same(plane.drops(), {});
  t.ok(cached(plane, 1) <= 1024);
  const last = syn(4999);
  plane.send(last.frame);
  t.match(plane.known(last.tuple), { tx_packets: 2n });
  t.end();
});
