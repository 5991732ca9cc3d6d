// SPDX-License-Identifier: Apache-2.0
/** Answers to large probes: that they came is all that they tell. */
import t from 'tap';
import { large, sentStates, stampPort, type Large } from '../../bpf/loader/layout.js';
import { u32 } from './number.js';
import type { TestPlane } from './plane.js';
import { answerOf, datagram, largePort, probeOf, stampPlane, strandEnds } from './stamp.js';

const taken = 2;
const pass = -1;
const redirect = 7;
const stamp = 0xea00_0000_1234_5678n;
const inPacket = Buffer.alloc(8);
inPacket.writeBigUInt64BE(stamp);
const usual = { stamp: inPacket.readBigUInt64LE(), seq: 9, state: sentStates.underWay };
const tail = Buffer.alloc(1428);
/** IP's and UDP's headers, and the payload. */
const whole = { 4: 1_500n, 6: 1_520n } as const;

function setLarge(plane: TestPlane, strand: number, value: Partial<Large>): void {
  plane.map('large').update(u32(strand), large.encode({ ...usual, ...value }));
}

function largeAs(plane: TestPlane, strand: number): Large {
  return large.decode(plane.map('large').lookup(u32(strand)) ?? Buffer.alloc(0));
}

/** An answer to a probe of that number and stamp comes. */
function answer(plane: TestPlane, family: 4 | 6, seq = 9, sent = stamp): number {
  const { local: destination, remote: source } = strandEnds[family];
  const of = { seq: 0, stamp: sent, received: sent, error: 0x2601, ttl: 255 };
  const data = answerOf({ ...of, probe: { seq, stamp: sent, tail } });
  const frame = datagram({ source, destination }, [stampPort, largePort], data);
  return plane.object.program('stamp_rx').testRun(frame).retval;
}

for (const family of [4, 6] as const) {
  t.test(`IPv${String(family)}: an answer that fits, once; no figure knows of it`, (t) => {
    const plane = stampPlane(t);
    const { strand } = strandEnds[family];
    setLarge(plane, strand, {});
    t.equal(answer(plane, family), taken);
    t.match(largeAs(plane, strand), { state: sentStates.answered, rx_bytes: whole[family] });
    const figures = { received: 0n, answered_ns: 0n, rtt_sum_ns: 0n, srtt_ns: 0, late: 0n };
    t.match(plane.quality(strand), { ...figures, forged: 0n });
    t.equal(answer(plane, family), taken, 'and again');
    t.match(plane.quality(strand), { ...figures, forged: 1n }, 'which is forged');
    t.equal(largeAs(plane, strand).rx_bytes, whole[family]);
    t.end();
  });

  t.test(`IPv${String(family)}: one that comes is answered whole, and counted`, (t) => {
    const plane = stampPlane(t);
    const { strand, local: destination, remote: source } = strandEnds[family];
    for (const [times, more] of [Buffer.alloc(0), tail, tail].entries()) {
      const data = probeOf({ seq: times, stamp, tail: more });
      const frame = datagram({ source, destination }, [5_000, stampPort], data);
      const { retval, packet: out } = plane.object.program('stamp_rx').testRun(frame);
      t.equal(retval, redirect);
      t.equal(out.length, frame.length);
      t.equal(largeAs(plane, strand).reflected_bytes, BigInt(times * tail.length));
    }
    t.equal(plane.quality(strand).reflected, 3n);
    t.end();
  });
}

t.test('what fits none is forged; what is too old is nothing', (t) => {
  const plane = stampPlane(t);
  const forged = () => plane.quality(1).forged;
  setLarge(plane, 1, {});
  t.equal(answer(plane, 4, 9, stamp + 1n), taken);
  t.equal(answer(plane, 4, 10), taken);
  t.equal(forged(), 2n);
  t.equal(answer(plane, 4, 8), taken, 'late');
  t.equal(forged(), 2n);
  for (const state of [sentStates.empty, sentStates.lost]) {
    setLarge(plane, 1, { state });
    t.equal(answer(plane, 4), taken);
    t.equal(largeAs(plane, 1).state, state);
  }
  t.equal(forged(), 4n);
  plane.control('large_port', 1);
  t.equal(answer(plane, 4), pass, 'to another port it is not ours');
  t.end();
});
