// SPDX-License-Identifier: Apache-2.0
/** What an answer says of its strand; and which answers are none. */
import t from 'tap';
import { sentStates, stampPort } from '../../bpf/loader/layout.js';
import type { TestPlane } from './plane.js';
import {
  answerOf,
  datagram,
  probeOf,
  probePort,
  sentAs,
  setSent,
  smoothed,
  stampPlane,
  strandEnds,
  type Answer,
} from './stamp.js';

const taken = 2;
const pass = -1;
const ms = 1_000_000n;
/** NTP's, of 1 ms. */
const ntpMs = 4_294_967n;
const stamp = 0xea00_0000_1234_5678n;

const reflected = (seq: number, change: Partial<Answer> = {}): Buffer =>
  answerOf({
    seq,
    stamp: stamp + 5n * ntpMs,
    received: stamp + 5n * ntpMs,
    error: 0x2601,
    ttl: 255,
    probe: { seq, stamp },
    ...change,
  });

function answer(plane: TestPlane, data: Buffer, family: 4 | 6 = 4): number {
  const { local: destination, remote: source } = strandEnds[family];
  const frame = datagram({ source, destination }, [stampPort, probePort], data);
  return plane.object.program('stamp_rx').testRun(frame).retval;
}

/** As if it had been sent so long ago. */
function sentAgo(plane: TestPlane, seq: number, ago: bigint, strand = 1): bigint {
  const sentNs = process.hrtime.bigint() - ago;
  setSent(plane, strand, { seq, stamp }, { sentNs });
  return sentNs;
}

for (const family of [4, 6] as const) {
  t.test(`IPv${String(family)}: an answer that fits, once`, (t) => {
    const plane = stampPlane(t);
    const { strand } = strandEnds[family];
    const sentNs = sentAgo(plane, 300, 20n * ms, strand);
    t.equal(answer(plane, reflected(300), family), taken);
    const { rtt_ns: rtt, ...first } = plane.quality(strand);
    const longest = Number(process.hrtime.bigint() - sentNs);
    t.ok(rtt >= 20e6 && rtt <= longest, `${String(rtt)} ns`);
    const usual = { received: 1n, late: 0n, forged: 0n, answered_ns: sentNs, jitter_sum_ns: 0n };
    const numbers = { rtt_sum_ns: BigInt(rtt), srtt_ns: rtt, rttvar_ns: Math.floor(rtt / 2) };
    t.match(first, { ...usual, ...numbers, seen_seq: 300 });
    t.match(sentAs(plane, strand, 300), { state: sentStates.answered });

    t.equal(answer(plane, reflected(300), family), taken, 'and again');
    t.match(plane.quality(strand), { ...usual, ...numbers, forged: 1n }, 'which is forged');
    t.end();
  });
}

t.test('what was not sent so is forged, whoever sends it', (t) => {
  const plane = stampPlane(t);
  sentAgo(plane, 7, ms);
  const forged: Readonly<Record<string, Buffer>> = {
    'another timestamp': reflected(7, { probe: { seq: 7, stamp: stamp + 1n } }),
    'a number that is not sent yet': reflected(8),
    'one that stood there before': reflected(7 + 256),
    nothing: Buffer.alloc(44),
  };
  for (const [what, data] of Object.entries(forged)) t.equal(answer(plane, data), taken, what);
  const count = BigInt(Object.keys(forged).length);
  t.match(plane.quality(1), { forged: count, received: 0n, answered_ns: 0n });
  t.match(sentAs(plane, 1, 7), { state: sentStates.underWay }, 'and leaves the probe as it is');

  const { local: destination, remote: source } = strandEnds[4];
  const { local, remote } = strandEnds[6];
  const data = reflected(7);
  const others: Readonly<Record<string, Buffer>> = {
    'from another address': datagram(
      { source: '203.0.113.9', destination },
      [stampPort, probePort],
      data,
    ),
    'from another port': datagram({ source, destination }, [861, probePort], data),
    'to another port': datagram({ source, destination }, [stampPort, 861], data),
  };
  for (const [what, frame] of Object.entries(others)) {
    t.equal(plane.object.program('stamp_rx').testRun(frame).retval, pass, `${what} passes on`);
  }
  const other = datagram({ source: remote, destination: local }, [stampPort, probePort], data);
  t.equal(plane.object.program('stamp_rx').testRun(other).retval, taken);
  t.match(plane.quality(2), { forged: 1n, received: 0n }, 'by another strand than it was sent on');
  t.match(plane.quality(1), { forged: count, received: 0n });
  t.equal(answer(plane, reflected(7)), taken, 'and the true one');
  t.match(plane.quality(1), { forged: count, received: 1n });
  t.end();
});

t.test('late: after it was judged lost', (t) => {
  const plane = stampPlane(t);
  const sentNs = process.hrtime.bigint() - 300n * ms;
  setSent(plane, 1, { seq: 1, stamp }, { sentNs, state: sentStates.lost });
  answer(plane, reflected(1));
  answer(plane, reflected(1));
  t.match(plane.quality(1), { received: 1n, late: 1n, forged: 1n, answered_ns: sentNs });
  t.ok(plane.quality(1).rtt_ns >= 300e6, 'it tells the round trip all the same');
  t.match(sentAs(plane, 1, 1), { state: sentStates.late });
  t.end();
});

t.test('smoothed as RFC 6298 has it, and summed', (t) => {
  const plane = stampPlane(t);
  const rtts: number[] = [];
  for (const [at, ago] of [20n, 20n, 80n, 3n, 21n, 20n, 600n, 20n, 2000n].entries()) {
    sentAgo(plane, at + 1, ago * ms);
    answer(plane, reflected(at + 1));
    rtts.push(plane.quality(1).rtt_ns);
    t.match(plane.quality(1), smoothed(rtts));
  }
  const jitter = rtts.reduce((sum, rtt, at) => sum + Math.abs(rtt - (rtts[at - 1] ?? rtt)), 0);
  const sum = rtts.reduce((sum, rtt) => sum + rtt, 0);
  t.match(plane.quality(1), {
    received: 9n,
    rtt_sum_ns: BigInt(sum),
    jitter_sum_ns: BigInt(jitter),
  });
  sentAgo(plane, 20, 60_000n * ms);
  answer(plane, reflected(20));
  t.equal(plane.quality(1).rtt_ns, 0xffffffff, 'no longer than its word can hold');
  t.end();
});

t.test("the reflector's own time does not count, where it can be believed", (t) => {
  const plane = stampPlane(t);
  /** And how long it was at most before that was taken off. */
  const rttWith = (seq: number, dwellMs: bigint): readonly [rtt: number, longest: number] => {
    const sentNs = sentAgo(plane, seq, 100n * ms);
    answer(plane, reflected(seq, { received: stamp, stamp: stamp + dwellMs * ntpMs }));
    const longest = Number(process.hrtime.bigint() - sentNs) / 1e6;
    return [plane.quality(1).rtt_ns / 1e6, longest];
  };
  for (const [seq, dwell, from] of [
    [1, 0n, 100],
    [2, 40n, 60],
    [3, 99n, 1],
    [4, 3000n, 100],
    [5, 2000n, 100],
    [6, -5n, 100],
    [7, 1n << 35n, 100],
  ] as const) {
    const [rtt, longest] = rttWith(seq, dwell);
    const most = from + (longest - 100) + 0.001;
    t.ok(rtt > from - 0.001 && rtt < most, `${String(dwell)} ms: ${String(rtt)} ms are left`);
  }
  t.end();
});

t.test('which way they were lost', (t) => {
  const plane = stampPlane(t);
  const heard = (seq: number, own: number): readonly [out: bigint, back: bigint] => {
    sentAgo(plane, seq, 20n * ms);
    answer(plane, reflected(seq, { seq: own }));
    const { lost_out: out, lost_back: back } = plane.quality(1);
    return [out, back];
  };
  t.same(heard(10, 4), [0n, 0n], 'nothing is known of what was before');
  t.same(heard(11, 5), [0n, 0n]);
  t.same(heard(14, 6), [2n, 0n], 'two never came there');
  t.same(heard(17, 9), [2n, 2n], 'two were answered, and did not come back');
  t.same(heard(22, 12), [4n, 4n], 'both ways');
  t.same(heard(20, 11), [4n, 3n], 'an answer that was overtaken was not lost');
  t.same(heard(23, 13), [4n, 3n]);
  t.same(heard(25, 14), [5n, 3n]);
  t.same(heard(24, 15), [4n, 3n], 'nor a probe that was');
  t.same(heard(26, 0), [4n, 3n], 'a reflector that began anew');
  t.same(heard(28, 1), [5n, 3n], 'and goes on');
  t.same(heard(29, 40), [5n, 3n], 'more answers than probes: others ask, too');
  t.same(heard(1029, 41), [1004n, 3n], 'after a long silence');
  t.same(heard(1032, 1032), [1004n, 3n], 'a reflector without numbers of its own tells nothing');
  t.same(heard(1040, 1040), [1004n, 3n]);
  t.end();
});

t.test('numbers that overflow', (t) => {
  const plane = stampPlane(t);
  for (const [seq, own] of [
    [0xfffffffe, 0xfffffff0],
    [0xffffffff, 0xfffffff1],
    [1, 0xfffffff2],
  ] as const) {
    sentAgo(plane, seq, ms);
    answer(plane, reflected(seq, { seq: own }));
  }
  t.match(plane.quality(1), { received: 3n, forged: 0n, lost_out: 1n, lost_back: 0n, seen_seq: 1 });
  t.end();
});

for (const family of [4, 6] as const) {
  t.test(`IPv${String(family)}: a probe that leaves is noted, and nothing else`, (t) => {
    const plane = stampPlane(t);
    const { strand, local: source, remote: destination } = strandEnds[family];
    const leave = (seq: number, ports: readonly [number, number], of = stamp): bigint => {
      const frame = datagram({ source, destination }, ports, probeOf({ seq, stamp: of }));
      const { retval, packet } = plane.object.program('stamp_tx').testRun(frame);
      t.equal(retval, pass);
      t.same(packet, frame, 'as it is');
      return sentAs(plane, strand, seq).sent_ns;
    };
    setSent(plane, strand, { seq: 9, stamp });
    t.equal(leave(9, [probePort, stampPort], stamp + 1n), 0n, 'another timestamp');
    t.equal(leave(9, [probePort, 863]), 0n);
    t.equal(leave(9, [5000, stampPort]), 0n);
    const before = process.hrtime.bigint();
    const noted = leave(9, [probePort, stampPort]);
    t.ok(noted >= before && noted <= process.hrtime.bigint());
    setSent(plane, strand, { seq: 9, stamp }, { state: sentStates.answered, sentNs: 1n });
    t.equal(leave(9, [probePort, stampPort]), 1n, 'it is over');
    setSent(plane, strand, { seq: 9, stamp }, { state: sentStates.lost, sentNs: 1n });
    t.ok(leave(9, [probePort, stampPort]) > noted, 'it waited for its neighbour');
    t.end();
  });
}
