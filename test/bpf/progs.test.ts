// SPDX-License-Identifier: Apache-2.0
/** What `wire_tx` decides: sessions, generations, strands that are down, pins. */
import t from 'tap';
import { downReasons, sessionFlags } from '../../bpf/loader/layout.js';
import { ip, protocols, udp, type Tuple } from './packets.js';
import { oneClass, TestPlane } from './plane.js';

const tuples = {
  4: { source: '172.16.0.2', destination: '10.60.0.9' },
  6: { source: 'fd00::2', destination: 'fd60::9' },
} as const;

function flowOf(family: 4 | 6, sourcePort: number): Tuple {
  return { ...tuples[family], protocol: protocols.udp, sourcePort, destinationPort: 53 };
}

const packet = (flow: Tuple, data = Buffer.alloc(100)) =>
  ip(flow, udp(flow.sourcePort ?? 0, flow.destinationPort ?? 0, data));

for (const family of [4, 6] as const) {
  const length = family === 4 ? 128 : 148;
  t.test(`IPv${String(family)}: a session keeps its strand`, (t) => {
    const plane = TestPlane.open(t);
    plane.setWire(1);
    for (const id of [1, 2, 3]) plane.setStrand(id);
    plane.apply(oneClass([1, 2, 3]));
    const flow = flowOf(family, 1000);
    for (let n = 0; n < 3; n++) t.equal(plane.send(packet(flow)), 'redirect');
    const session = plane.session(flow);
    t.match(session, { generation: 1, class_id: 0, rule: 1023, mark: 255, flags: 0, moves: 0 });
    t.equal(session?.tx_packets, 3n);
    t.equal(session.tx_bytes, BigInt(3 * length));
    t.ok(session.last_ns > 0n);
    t.match(plane.strandStats(session.strand), { tx_packets: 3n, tx_bytes: BigInt(3 * length) });
    t.match(plane.ruleStats(1023), { tx_packets: 3n, tx_bytes: BigInt(3 * length) });
    t.match(plane.wireStats(), { tx_packets: 3n, uncached: 0n, fragments: 0n });
    t.same(plane.drops(), {});

    plane.setDown(session.strand, downReasons.carrier);
    t.equal(plane.send(packet(flow)), 'redirect');
    const moved = plane.session(flow);
    t.not(moved?.strand, session.strand, 'away from the strand that is down');
    t.match(moved, { moves: 1, tx_packets: 4n });
    plane.setDown(session.strand, 0);
    plane.send(packet(flow));
    t.match(plane.session(flow), { strand: moved?.strand, moves: 1 }, 'and stays there');

    plane.apply(oneClass([4]));
    plane.setStrand(4);
    plane.send(packet(flow));
    t.match(plane.session(flow), { strand: 4, generation: 2, moves: 2, tx_packets: 6n });
    t.equal(sessionFlags.pinned, 1);
    t.end();
  });
}
