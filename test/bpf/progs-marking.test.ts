// SPDX-License-Identifier: Apache-2.0
/**
 * A program that marks its socket after connect (iperf3 -S, ssh) has its first
 * packet unmarked: the session goes by the marking it has now.
 */
import t from 'tap';
import { dimensions, downReasons, noMark } from '../../bpf/loader/layout.js';
import { ip, protocols, udp } from './packets.js';
import { oneClass, TestPlane } from './plane.js';

const ends = {
  4: { source: '172.16.0.2', destination: '10.60.0.9' },
  6: { source: 'fd00::2', destination: 'fd60::9' },
} as const;
const expedited = 46;

/** One rule for DSCP EF: strand 1; all others have strands 2 and 3. */
function marked() {
  const { compiled, slots } = oneClass([2, 3]);
  const bits = (word: bigint) => Array.from({ length: 16 }, (_, n) => (n === 0 ? word : 0n));
  return {
    compiled: {
      ...compiled,
      rules: [{ classId: 1, mark: noMark }],
      classNames: ['only', 'voice'],
      dimensionsMask: 1 << dimensions.dscp,
      exact: new Map(
        Array.from(
          { length: 64 },
          (_, dscp) => [dscp, bits(dscp === expedited ? 1n : 0n)] as const,
        ),
      ),
    },
    slots: [...slots, ...oneClass([1]).slots],
  };
}

for (const family of [4, 6] as const) {
  const flow = {
    ...ends[family],
    protocol: protocols.udp,
    sourcePort: 1000,
    destinationPort: 5201,
  };
  const packet = (dscp: number) => ip({ ...flow, dscp }, udp(1000, 5201, Buffer.alloc(100)));

  t.test(`IPv${String(family)}: a session is steered by the marking it has now`, (t) => {
    const plane = TestPlane.open(t);
    plane.setWire(1);
    for (const id of [1, 2, 3]) plane.setStrand(id);
    plane.apply(marked());
    plane.send(packet(0));
    const { strand } = plane.known(flow);
    t.match(plane.known(flow), { class_id: 0, moves: 0, dscp: 0 });
    plane.send(packet(expedited));
    t.match(plane.known(flow), { strand: 1, class_id: 1, rule: 0, moves: 1, dscp: expedited });
    plane.send(packet(expedited));
    t.match(plane.known(flow), { strand: 1, moves: 1, tx_packets: 3n });
    plane.send(packet(0));
    t.match(plane.known(flow), { strand, class_id: 0, moves: 2, tx_packets: 4n });
    t.end();
  });

  t.test(`IPv${String(family)}: another marking of the same class moves nothing`, (t) => {
    const plane = TestPlane.open(t);
    plane.setWire(1);
    for (const id of [1, 2, 3]) plane.setStrand(id);
    plane.apply(marked());
    plane.send(packet(0));
    const before = plane.known(flow).strand;
    plane.holdReturns(before);
    plane.setDown(before, downReasons.carrier);
    plane.send(packet(0));
    plane.setDown(before, 0);
    const after = plane.known(flow).strand;
    t.not(after, before);
    plane.send(packet(8));
    t.match(plane.known(flow), { strand: after, moves: 1, dscp: 8 });
    t.end();
  });

  t.test(`IPv${String(family)}: where no rule asks for it, a marking decides nothing`, (t) => {
    const plane = TestPlane.open(t);
    plane.setWire(1);
    for (const id of [1, 2]) plane.setStrand(id);
    plane.apply(oneClass([1, 2]));
    plane.send(packet(0));
    plane.send(packet(expedited));
    t.match(plane.known(flow), { moves: 0, dscp: 255, tx_packets: 2n });
    t.end();
  });
}
