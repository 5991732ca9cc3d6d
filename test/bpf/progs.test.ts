// SPDX-License-Identifier: Apache-2.0
/** Where `wire_tx` sends a session: cached, decided anew, pinned, learned; and where there is no way. */
import t from 'tap';
import { downReasons, noMark, sessionFlags, stays, wireFlags } from '../../bpf/loader/layout.js';
import { ethernet, etherTypes, ip, protocols, tcp, udp, type Tuple } from './packets.js';
import { filled, oneClass, TestPlane } from './plane.js';

const ends = {
  4: { source: '172.16.0.2', destination: '10.60.0.9' },
  6: { source: 'fd00::2', destination: 'fd60::9' },
} as const;

function flowOf(family: 4 | 6, sourcePort: number): Tuple {
  return { ...ends[family], protocol: protocols.udp, sourcePort, destinationPort: 53 };
}

const packet = (flow: Tuple) =>
  ip(flow, udp(flow.sourcePort ?? 0, flow.destinationPort ?? 0, Buffer.alloc(100)));

for (const family of [4, 6] as const) {
  const length = family === 4 ? 128 : 148;

  t.test(`IPv${String(family)}: a session keeps its strand until that is down`, (t) => {
    const plane = TestPlane.open(t);
    plane.setWire(1);
    for (const id of [1, 2, 3]) plane.setStrand(id);
    plane.apply(oneClass([1, 2, 3]));
    const flow = flowOf(family, 1000);
    for (let n = 0; n < 3; n++) t.equal(plane.send(packet(flow)), 'redirect');
    const first = plane.known(flow);
    t.match(first, { generation: 1, class_id: 0, rule: 1023, mark: noMark, flags: 0, moves: 0 });
    const counted = { tx_packets: 3n, tx_bytes: BigInt(3 * length) };
    t.match(first, counted);
    t.ok(first.last_ns > 0n);
    t.match(plane.strandStats(first.strand), counted);
    t.match(plane.ruleStats(1023), counted);
    t.match(plane.wireStats(), { ...counted, uncached: 0n, fragments: 0n });
    t.same(plane.drops(), {});

    plane.setDown(first.strand, downReasons.carrier);
    t.equal(plane.send(packet(flow)), 'redirect');
    const moved = plane.known(flow);
    t.not(moved.strand, first.strand);
    t.match(moved, { moves: 1, tx_packets: 4n });
    plane.setDown(first.strand, 0);
    plane.send(packet(flow));
    t.match(
      plane.known(flow),
      { strand: first.strand, moves: 2, home: first.strand },
      'home again',
    );
    t.end();
  });

  t.test(`IPv${String(family)}: another generation is asked for each session once`, (t) => {
    const plane = TestPlane.open(t);
    plane.setWire(1);
    for (const id of [1, 2]) plane.setStrand(id);
    plane.apply(oneClass([1]));
    const flow = flowOf(family, 1000);
    plane.send(packet(flow));
    plane.apply(oneClass([1]));
    plane.send(packet(flow));
    t.match(plane.known(flow), { strand: 1, generation: 2, moves: 0, tx_packets: 2n });
    plane.apply(oneClass([2]));
    plane.send(packet(flow));
    t.match(plane.known(flow), { strand: 2, generation: 3, moves: 1, tx_packets: 3n });
    // What is in force is the bank of the generation; the other one may be half written.
    plane.write(0, oneClass([1]));
    plane.send(packet(flow));
    plane.send(packet(flowOf(family, 1001)));
    t.equal(plane.known(flow).strand, 2);
    t.equal(plane.known(flowOf(family, 1001)).strand, 2);
    t.end();
  });

  t.test(`IPv${String(family)}: a pin goes before all, while its strand is usable`, (t) => {
    const plane = TestPlane.open(t);
    plane.setWire(1);
    for (const id of [1, 2]) plane.setStrand(id);
    plane.apply(oneClass([1]));
    const [flow, other] = [flowOf(family, 1000), flowOf(family, 1001)];
    plane.pin(flow, 2);
    for (const one of [flow, other]) plane.send(packet(one));
    t.match(plane.known(flow), { strand: 2, flags: sessionFlags.pinned, moves: 0 });
    t.match(plane.known(other), { strand: 1, flags: 0 });
    plane.pin(other, 2);
    plane.send(packet(other));
    t.match(plane.known(other), { strand: 2, flags: sessionFlags.pinned, moves: 1 }, 'mid-flow');
    plane.apply(oneClass([1]));
    plane.send(packet(other));
    t.match(plane.known(other), { strand: 2, generation: 2, moves: 1 }, 'a new policy is no news');
    plane.setDown(2, downReasons.operator);
    plane.send(packet(other));
    t.match(plane.known(other), { strand: 1, flags: 0, moves: 2 }, 'passed over');
    plane.setDown(2, 0);
    plane.send(packet(other));
    t.match(plane.known(other), { strand: 2, flags: sessionFlags.pinned, moves: 3 });
    for (const one of [flow, other]) plane.pin(one, undefined);
    plane.send(packet(other));
    t.match(plane.known(other), { strand: 1, flags: 0, moves: 4 }, 'unpinned');
    t.same(plane.drops(), {});
    t.end();
  });
}

t.test('a pin serves before there is any policy', (t) => {
  const plane = TestPlane.open(t);
  plane.setWire(1);
  plane.setStrand(1);
  const flow = flowOf(4, 1000);
  plane.pin(flow, 1);
  t.equal(plane.send(packet(flow)), 'redirect');
  t.equal(plane.send(packet(flowOf(4, 1001))), 'drop');
  t.same(plane.drops(), { 'no-policy': 1 });
  t.end();
});

t.test('levels are tried in order, and none beyond the last', (t) => {
  const plane = TestPlane.open(t);
  plane.setWire(1);
  for (const id of [1, 2, 3, 4]) plane.setStrand(id);
  plane.apply(oneClass([1, 2], [3], [4]));
  const sent = (port: number) => {
    const verdict = plane.send(packet(flowOf(4, port)));
    return verdict === 'redirect' ? plane.known(flowOf(4, port)).strand : verdict;
  };
  t.match(sent(1), /^[12]$/);
  plane.setDown(1, downReasons.carrier);
  for (let port = 10; port < 30; port++) t.equal(sent(port), 2, 'all slots of the level are tried');
  plane.setDown(2, downReasons.address);
  t.equal(sent(30), 3);
  plane.setDown(3, downReasons.mtu);
  t.equal(sent(40), 4);
  plane.setDown(4, downReasons.operator);
  t.equal(sent(50), 'drop');
  t.same(plane.drops(), { 'no-strand': 1 });
  t.end();
});

t.test('one strand in one slot is found, by every session', (t) => {
  const plane = TestPlane.open(t);
  plane.setWire(1);
  plane.setStrand(5);
  plane.apply({ ...oneClass([]), slots: [[filled([]).with(37, 5)]] });
  for (let port = 0; port < 200; port++) t.equal(plane.send(packet(flowOf(4, port))), 'redirect');
  t.end();
});

t.test('a strand of another peer is never used', (t) => {
  const plane = TestPlane.open(t);
  plane.setWire(1);
  plane.setStrand(1, { peer: 2 });
  plane.setStrand(2);
  plane.apply(oneClass([1], [2]));
  const flow = flowOf(4, 1);
  plane.pin(flow, 1);
  plane.send(packet(flow));
  t.match(plane.known(flow), { strand: 2, flags: 0 });
  plane.setSession(flow, { strand: 1, flags: sessionFlags.learned });
  plane.send(packet(flow));
  t.equal(plane.known(flow).strand, 2);
  t.end();
});

t.test('without tables nothing is sent', (t) => {
  const plane = TestPlane.open(t);
  t.equal(plane.send(packet(flowOf(4, 1))), 'drop');
  t.same(plane.drops(0), { 'no-wire': 1 });
  plane.setWire(1);
  plane.setStrand(1);
  t.equal(plane.send(packet(flowOf(4, 1))), 'drop', 'nothing is in force');
  plane.apply({ ...oneClass([1]), slots: [] });
  t.equal(plane.send(packet(flowOf(4, 1))), 'drop', 'no slots for its class and peer');
  t.same(plane.drops(), { 'no-policy': 2 });
  plane.setWire(1, { flags: 0 });
  t.equal(plane.send(packet(flowOf(4, 1))), 'drop', 'it is being taken down');
  t.same(plane.drops(0), { 'no-wire': 2 });
  t.end();
});

t.test('a strand without addresses sends nothing', (t) => {
  const plane = TestPlane.open(t);
  plane.setWire(1);
  plane.setStrand(1, { family: 0 });
  plane.apply(oneClass([1]));
  t.equal(plane.send(packet(flowOf(4, 1))), 'drop');
  t.same(plane.drops(), { tunnel: 1 });
  t.match(plane.strandStats(1), { tx_packets: 0n });
  t.end();
});

t.test('the side that follows goes by what it learned, in whatever generation', (t) => {
  const plane = TestPlane.open(t);
  plane.setWire(1, { flags: wireFlags.used });
  for (const id of [1, 2, 3]) plane.setStrand(id);
  plane.apply(oneClass([1]));
  const flow = flowOf(4, 1);
  plane.send(packet(flow));
  t.match(plane.known(flow), { strand: 1, flags: 0 }, 'by its own rules, having learned nothing');
  const learned = { strand: 3, generation: 0, flags: sessionFlags.learned, rule: 0xffff };
  plane.setSession(flow, { ...learned, sla: stays, home: 3 });
  plane.send(packet(flow));
  t.match(plane.known(flow), { strand: 3, generation: 0, tx_packets: 2n, moves: 0 });
  plane.setDown(3, downReasons.carrier);
  plane.send(packet(flow));
  t.match(plane.known(flow), { strand: 1, generation: 1, flags: 0, moves: 1, rule: 1023 });
  t.equal(plane.ruleStats(1023).tx_packets, 2n, 'what was learned is no rule’s');
  t.end();
});

t.test('frames that are not IP', (t) => {
  const frames = {
    arp: ethernet(etherTypes.arp, Buffer.alloc(46)),
    lldp: ethernet(etherTypes.lldp, Buffer.alloc(46)),
    vlan: ethernet(
      etherTypes.vlan,
      Buffer.concat([Buffer.from([0, 5]), packet(flowOf(4, 1)).subarray(12)]),
    ),
    length: ethernet(46, Buffer.alloc(46)),
  };
  const plane = TestPlane.open(t);
  plane.setWire(1);
  plane.setStrand(1);
  plane.apply(oneClass([1]));
  t.equal(plane.send(frames.arp), 'drop');
  t.same(plane.drops(), { 'not-ip': 1 });
  for (const name of ['lldp', 'vlan', 'length'] as const) {
    const { verdict, packet } = plane.run(frames[name]);
    t.equal(verdict, 'pass', `${name} goes on to whoever stands after us`);
    t.same(packet, frames[name]);
  }
  t.match(plane.wireStats(), { tx_packets: 0n });

  plane.setWire(2, { flags: wireFlags.used | wireFlags.leader | wireFlags.ethernet });
  for (const frame of Object.values(frames)) t.equal(plane.send(frame), 'redirect');
  const none = { source: '0.0.0.0', destination: '0.0.0.0', protocol: 0 };
  t.match(plane.known(none), { strand: 1, tx_packets: 4n, rule: 1023 }, 'one session for all');
  t.equal(plane.send(packet(flowOf(4, 1))), 'redirect');
  t.match(plane.known(flowOf(4, 1)), { tx_packets: 1n }, 'and IP has its own');
  t.end();
});

t.test('both directions of a flow hash alike, on any node', (t) => {
  const plane = TestPlane.open(t);
  plane.setWire(1);
  for (const id of [1, 2, 3]) plane.setStrand(id);
  plane.apply(oneClass([1, 2, 3]));
  const strands = new Set<number>();
  for (const [family, protocol] of [
    [4, protocols.tcp],
    [6, protocols.tcp],
  ] as const) {
    for (let port = 1; port < 40; port++) {
      const { source, destination } = ends[family];
      const there = {
        source,
        destination,
        protocol,
        sourcePort: 4000 + port,
        destinationPort: port,
      };
      const back = {
        source: destination,
        destination: source,
        protocol,
        sourcePort: port,
        destinationPort: 4000 + port,
      };
      plane.send(ip(there, tcp(there.sourcePort, there.destinationPort)));
      plane.send(ip(back, tcp(back.sourcePort, back.destinationPort)));
      t.equal(plane.known(there).strand, plane.known(back).strand);
      strands.add(plane.known(there).strand);
    }
  }
  t.same([...strands].sort(), [1, 2, 3]);
  t.end();
});

t.test('weights hold over many sessions, of either family', (t) => {
  const plane = TestPlane.open(t);
  plane.setWire(1);
  for (const id of [1, 2]) plane.setStrand(id);
  plane.apply(oneClass([1, 2, 2, 2]));
  const sessions = 10_000;
  let sent = 0;
  for (const family of [4, 6] as const) {
    for (let n = 0; n < sessions; n++) plane.send(packet(flowOf(family, n)));
    const ofFirst = Number(plane.strandStats(1).tx_packets) - sent;
    sent += ofFirst;
    // Three standard deviations of a fair coin with these odds.
    t.ok(Math.abs(ofFirst / sessions - 0.25) < 0.013, `${String(ofFirst)} of ${String(sessions)}`);
  }
  t.end();
});
