// SPDX-License-Identifier: Apache-2.0
/** TCP segments that are followed: acknowledged, sent again, given up; packet in, counters out. */
import t, { type Test } from 'tap';
import { limits } from '../../bpf/loader/layout.js';
import { compile } from './objects.js';
import { ip, protocols, tcp, tcpFlags, type Tuple } from './packets.js';
import { oneClass, TestPlane } from './plane.js';
import { u32 } from './number.js';

const { syn, ack: ackFlag, fin, rst } = tcpFlags;
const ends = {
  4: { source: '172.16.0.2', destination: '10.60.0.9' },
  6: { source: 'fd00::2', destination: 'fd60::9' },
} as const;
const mss = 100;
/** `evidence` of a strand of which nothing is known. */
const nothing = { acked: 0n, resent: 0n, given_up: 0n };
/** TC_ACT_REDIRECT. */
const redirected = 7;
const ms = 1_000_000n;

/** One connection of the wire's client: what it sends, and what comes back. */
class Connection {
  readonly tuple: Tuple;
  readonly #plane: TestPlane;

  constructor(plane: TestPlane, family: 4 | 6 = 4, sourcePort = 40_000) {
    this.#plane = plane;
    this.tuple = { ...ends[family], protocol: protocols.tcp, sourcePort, destinationPort: 443 };
  }

  get strand(): number {
    return this.#plane.known(this.tuple).strand;
  }

  send(seq: number, length = mss, flags: number = ackFlag, options: object = {}): void {
    const { sourcePort = 0, destinationPort = 0 } = this.tuple;
    const segment = tcp(sourcePort, destinationPort, Buffer.alloc(length), flags, { seq, ack: 9 });
    this.#plane.send(ip({ ...this.tuple, ...options }, segment));
  }

  /** By the strand of that number. */
  hear(ack: number, strand = 1, flags: number = ackFlag): void {
    const { source, destination, sourcePort = 0, destinationPort = 0 } = this.tuple;
    const back = { source: destination, destination: source, protocol: protocols.tcp };
    const segment = tcp(destinationPort, sourcePort, Buffer.alloc(0), flags, { seq: 9, ack });
    const frame = ip(back, segment);
    frame[11] = strand;
    const { retval } = this.#plane.object.program('wire_rx').testRun(frame);
    if (retval !== redirected) throw new RangeError(`wire_rx returned ${String(retval)}`);
  }
}

/** Two strands, the second of them for when the first is avoided. */
function ready(t: Test): TestPlane {
  const path = compile('wire-by-hand', '-Wno-unused-parameter');
  const plane = TestPlane.open(t, 4096, path);
  plane.setWire(1);
  for (const id of [1, 2]) plane.setStrand(id);
  plane.apply({ ...oneClass([1], [2]), soft: 2 });
  return plane;
}

/** Let what is followed have been sent earlier. */
function age(plane: TestPlane, strand: number, byNs: bigint): void {
  for (let at = 0; at < limits.followed; at++) {
    const key = u32(strand * limits.followed + at);
    const value = plane.map('followed').lookup(key) ?? Buffer.alloc(0);
    const sent = value.readBigUInt64LE(0);
    if (sent === 0n) continue;
    value.writeBigUInt64LE(sent - byNs);
    plane.map('followed').update(key, value);
  }
}

for (const family of [4, 6] as const) {
  t.test(`IPv${String(family)}: acknowledged, and how long that took`, (t) => {
    const plane = ready(t);
    const one = new Connection(plane, family);
    const began = process.hrtime.bigint();
    one.send(1000);
    age(plane, 1, 500n * ms);
    one.hear(1000 + mss - 1);
    t.match(plane.evidence(1), nothing, 'not all of it');
    one.hear(1000 + mss);
    const { rtt_sum_ns: sum, rtt_min_us: least } = plane.evidence(1);
    t.match(plane.evidence(1), { ...nothing, acked: 1n });
    const longest = 500n * ms + process.hrtime.bigint() - began;
    t.ok(sum >= 500n * ms && sum <= longest, `${String(sum)} ns`);
    t.equal(BigInt(least), sum / 1000n);
    one.hear(1000 + mss);
    t.match(plane.evidence(1), { ...nothing, acked: 1n }, 'once');
    one.send(1000 + mss);
    one.hear(1000 + 2 * mss);
    t.match(plane.evidence(1), { ...nothing, acked: 2n });
    t.ok(plane.evidence(1).rtt_min_us < least, 'the least of its time');
    t.match(plane.evidence(2), nothing);
    t.end();
  });

  t.test(`IPv${String(family)}: sent again, and then no round trip is measured`, (t) => {
    const plane = ready(t);
    const one = new Connection(plane, family);
    one.send(1000);
    one.send(1000 + mss);
    t.match(plane.evidence(1), nothing, 'what comes after it is another');
    one.send(1000);
    t.match(plane.evidence(1), { ...nothing, resent: 1n });
    one.hear(1000 + 2 * mss);
    t.match(
      plane.evidence(1),
      { ...nothing, resent: 1n, rtt_sum_ns: 0n },
      'which of both is answered?',
    );
    t.end();
  });
}

t.test('other parts of the same bytes', (t) => {
  const plane = ready(t);
  const one = new Connection(plane);
  for (const [count, [seq, length]] of [
    [1050, mss],
    [950, mss],
    [900, 3 * mss],
    [1020, 10],
  ].entries() as IterableIterator<[number, [number, number]]>) {
    one.send(1000);
    one.send(seq, length);
    t.match(
      plane.evidence(1),
      { resent: BigInt(count + 1) },
      `${String(length)} from ${String(seq)}`,
    );
  }
  one.send(1000);
  one.send(1000 + mss);
  one.send(1000 - mss);
  t.match(plane.evidence(1), { resent: 4n }, 'its neighbours are others');
  t.end();
});

t.test('sequence numbers begin anew', (t) => {
  const plane = ready(t);
  const one = new Connection(plane);
  one.send(0xffffffff - 9);
  one.hear(0xffffffff);
  t.match(plane.evidence(1), nothing);
  one.send(mss);
  t.match(plane.evidence(1), nothing);
  one.hear(mss - 10);
  t.match(plane.evidence(1), { ...nothing, acked: 1n });
  one.send(0xffffff00, 0x200);
  one.send(0x80);
  t.match(plane.evidence(1), { ...nothing, acked: 1n, resent: 1n });
  t.end();
});

t.test('what tells nothing: keepalives, no data, the beginning, resets, fragments', (t) => {
  const plane = ready(t);
  const one = new Connection(plane);
  one.send(500, mss, syn);
  one.send(700, 0);
  one.send(700, 1);
  one.send(700, mss, rst);
  one.send(700, mss, ackFlag, { more: true, id: 7 });
  one.hear(5000);
  t.match(plane.evidence(1), nothing);
  one.send(1000);
  one.send(999, 1);
  one.send(999, 0);
  t.match(plane.evidence(1), nothing, 'asked whether the other end is there');
  one.hear(1000 + mss, 1, ackFlag | rst);
  one.hear(1000 + mss, 1, 0);
  t.match(plane.evidence(1), nothing);
  one.hear(1000 + mss);
  one.send(1000 + mss, mss, ackFlag | fin);
  one.hear(1001 + 2 * mss);
  t.match(plane.evidence(1), { ...nothing, acked: 2n }, 'data at the end is data');
  t.end();
});

t.test('the acknowledgement may come by another strand than the segment left by', (t) => {
  const plane = ready(t);
  const one = new Connection(plane);
  one.send(1000);
  one.hear(1000 + mss, 2);
  t.match(plane.evidence(1), { ...nothing, acked: 1n });
  t.match(plane.evidence(2), nothing);
  t.end();
});

t.test('a session that leaves takes nothing along', (t) => {
  const plane = ready(t);
  const one = new Connection(plane);
  one.send(1000);
  plane.setAvoid(1, 1);
  one.send(1000);
  t.equal(one.strand, 2);
  t.match([plane.evidence(1), plane.evidence(2)], [nothing, nothing]);
  one.hear(1000 + mss, 1);
  t.match([plane.evidence(1), plane.evidence(2)], [nothing, { ...nothing, acked: 1n }]);
  t.end();
});

t.test('given up after two seconds, when the place is wanted', (t) => {
  const plane = ready(t);
  const one = new Connection(plane);
  one.send(1000);
  age(plane, 1, 1_000n * ms);
  one.send(1000 + mss);
  one.hear(1000 + mss - 1);
  t.match(plane.evidence(1), nothing, 'not yet');
  age(plane, 1, 1_100n * ms);
  one.send(1000 + 2 * mss);
  t.match(plane.evidence(1), { ...nothing, given_up: 1n });
  one.hear(1000 + 2 * mss);
  t.match(plane.evidence(1), { ...nothing, given_up: 1n }, 'another is followed now');
  one.hear(1000 + 3 * mss);
  t.match(plane.evidence(1), { ...nothing, given_up: 1n, acked: 1n });
  t.end();
});

t.test('each session has its place; who shares one waits for it', (t) => {
  const plane = ready(t);
  const all = Array.from({ length: 64 }, (_, n) => new Connection(plane, 4, 1000 + n));
  for (const one of all) one.send(1000);
  for (const one of all) one.hear(1000 + mss);
  const { acked } = plane.evidence(1);
  t.equal(acked, BigInt(limits.followed));
  for (const one of all) {
    one.send(2000);
    one.hear(2000 + mss);
  }
  t.match(plane.evidence(1), { ...nothing, acked: acked + 64n });
  t.end();
});

t.test('a session that is not cached is not followed', (t) => {
  const plane = ready(t);
  plane.control('insert_rate', 1);
  const all = [1, 2].map((port) => new Connection(plane, 4, port));
  for (const one of all) {
    one.send(1000);
    one.hear(1000 + mss);
  }
  t.match(plane.wireStats(), { uncached: 1n });
  t.match(plane.evidence(1), { ...nothing, acked: 1n });
  t.end();
});
