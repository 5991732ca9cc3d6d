// SPDX-License-Identifier: Apache-2.0
/** Fragments: they follow their first one, and without it go by what they have. */
import t from 'tap';
import { noMark, sessionFlags } from '../../bpf/loader/layout.js';
import { icmp, ip, protocols, udp, type Tuple } from './packets.js';
import { oneClass, TestPlane } from './plane.js';

const ends = {
  4: { source: '172.16.0.2', destination: '10.60.0.9' },
  6: { source: 'fd00::2', destination: 'fd60::9' },
} as const;

/** First, middle and last of one UDP packet. */
function fragments(family: 4 | 6, id: number, protocol: number = protocols.udp) {
  const head = protocol === protocols.udp ? udp(1000, 53) : icmp(family === 4 ? 8 : 128, 4711);
  const whole = Buffer.concat([head, Buffer.alloc(104)]).subarray(0, 104);
  const part = (offset: number, end: number) =>
    ip(
      { ...ends[family], protocol, id, offset: offset / 8, more: end < 104 },
      whole.subarray(offset, end),
    );
  return [part(0, 40), part(40, 80), part(80, 104)] as const;
}

for (const family of [4, 6] as const) {
  const flow: Tuple = {
    ...ends[family],
    protocol: protocols.udp,
    sourcePort: 1000,
    destinationPort: 53,
  };
  const without: Tuple = { ...ends[family], protocol: protocols.udp };

  t.test(`IPv${String(family)}: in order, all of one session`, (t) => {
    const plane = TestPlane.open(t);
    plane.setWire(1);
    for (const id of [1, 2]) plane.setStrand(id);
    plane.apply(oneClass([1, 2]));
    for (const one of fragments(family, 1)) t.equal(plane.send(one), 'redirect');
    t.match(plane.known(flow), { tx_packets: 3n, flags: 0 });
    t.equal(plane.session(without), undefined);
    t.match(plane.wireStats(), { fragments: 0n });

    // Another packet's are told apart by id, another wire's by its number.
    t.equal(plane.send(fragments(family, 2)[1]), 'redirect');
    t.match(plane.known(without), { tx_packets: 1n, flags: sessionFlags.fragment });
    plane.setWire(2);
    t.equal(plane.send(fragments(family, 1)[1]), 'redirect');
    t.match(plane.known(without), { tx_packets: 1n, flags: sessionFlags.fragment });
    t.end();
  });

  t.test(`IPv${String(family)}: in any order, none is lost`, (t) => {
    const plane = TestPlane.open(t);
    plane.setWire(1);
    plane.setStrand(1);
    plane.apply(oneClass([1]));
    const orders = [
      [0, 1, 2],
      [0, 2, 1],
      [1, 0, 2],
      [1, 2, 0],
      [2, 0, 1],
      [2, 1, 0],
    ] as const;
    for (const [id, order] of orders.entries()) {
      const parts = fragments(family, 100 + id);
      for (const at of order) t.equal(plane.send(parts[at]), 'redirect');
    }
    // Before their first: 0, 0, 1, 2, 1, 2.
    t.match(plane.wireStats(), { tx_packets: 18n, fragments: 6n });
    t.equal(plane.known(flow).tx_packets, 12n);
    t.equal(plane.known(without).tx_packets, 6n);
    t.same(plane.drops(), {});
    t.end();
  });

  t.test(`IPv${String(family)}: echo in fragments keeps its id`, (t) => {
    const plane = TestPlane.open(t);
    plane.setWire(1);
    plane.setStrand(1);
    plane.apply(oneClass([1]));
    const protocol = family === 4 ? protocols.icmp : protocols.icmp6;
    for (const one of fragments(family, 1, protocol)) plane.send(one);
    const echo = { ...ends[family], protocol, sourcePort: 4711, destinationPort: 4711 };
    t.match(plane.known(echo), { tx_packets: 3n });
    t.end();
  });

  t.test(`IPv${String(family)}: a first fragment without ports is malformed`, (t) => {
    const plane = TestPlane.open(t);
    plane.setWire(1);
    plane.setStrand(1);
    plane.apply(oneClass([1]));
    const options = { ...ends[family], protocol: protocols.tcp, more: true };
    t.equal(plane.send(ip(options, Buffer.alloc(7))), 'drop');
    t.equal(plane.send(ip(options, Buffer.alloc(8))), 'redirect');
    t.same(plane.drops(), { malformed: 1 });
    t.end();
  });
}

t.test('ports are only asked of fragments that have them', (t) => {
  const plane = TestPlane.open(t);
  plane.setWire(1);
  for (const id of [1, 2]) plane.setStrand(id);
  const { compiled, slots } = oneClass([1]);
  // One rule, for destination port 53; the tables as compile.ts writes them.
  const bits = (word: bigint) => Array.from({ length: 16 }, (_, n) => (n === 0 ? word : 0n));
  plane.apply({
    compiled: {
      ...compiled,
      rules: [{ classId: 1, mark: noMark }],
      classNames: ['only', 'dns'],
      dimensionsMask: 1 << 5,
      criteria: [
        { dimension: 5, length: 0, data: Buffer.alloc(2), bits: bits(0n) },
        { dimension: 5, length: 16, data: Buffer.from([0, 53]), bits: bits(1n) },
      ],
    },
    slots: [...slots, ...oneClass([2]).slots],
  });
  const [first, middle, last] = fragments(4, 1);
  plane.send(last);
  const strand = (tuple: Tuple) => plane.known({ ...tuple, ...ends[4] }).strand;
  t.equal(strand({ ...ends[4], protocol: 17 }), 1, 'nothing is known of its ports');
  for (const one of [first, middle]) plane.send(one);
  const flow = { ...ends[4], protocol: 17, sourcePort: 1000, destinationPort: 53 };
  t.match(plane.known(flow), { strand: 2, rule: 0, class_id: 1, tx_packets: 2n });
  // An echo's id is no port.
  plane.send(ip({ ...ends[4], protocol: protocols.icmp }, icmp(8, 53)));
  t.equal(strand({ ...ends[4], protocol: protocols.icmp, sourcePort: 53, destinationPort: 53 }), 1);
  t.end();
});

t.test('IPv6: headers behind the fragment header', (t) => {
  const plane = TestPlane.open(t);
  plane.setWire(1);
  plane.setStrand(1);
  plane.apply(oneClass([1]));
  const after = [{ type: protocols.destination, rest: Buffer.alloc(7) }];
  const options = { ...ends[6], id: 9, more: true };
  plane.send(ip({ ...options, protocol: protocols.udp, after }, udp(1000, 53)));
  // Later ones tell only of the first header behind, and have none of their own.
  const later = { ...options, protocol: protocols.destination, offset: 2 };
  plane.send(ip(later, Buffer.alloc(16)));
  const flow = { ...ends[6], protocol: protocols.udp, sourcePort: 1000, destinationPort: 53 };
  t.match(plane.known(flow), { tx_packets: 2n });
  t.end();
});
