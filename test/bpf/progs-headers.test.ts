// SPDX-License-Identifier: Apache-2.0
/** What `wire_tx` makes of headers: whole ones, chains of them, and packets cut off anywhere. */
import t, { type Test } from 'tap';
import { icmp, ip, protocols, tcp, udp, type Extension, type IpOptions } from './packets.js';
import { oneClass, TestPlane } from './plane.js';

const ends = {
  4: { source: '172.16.0.2', destination: '10.60.0.9' },
  6: { source: 'fd00::2', destination: 'fd60::9' },
} as const;

/** An extension header of 8 bytes and `units` times 8 more. */
function extension(type: number, units = 0): Extension {
  const rest = Buffer.alloc(7 + units * 8);
  rest[0] = type === protocols.ah ? units * 2 : units;
  return { type, rest };
}

const { hopByHop, routing, destination, ah } = protocols;
const eight = [hopByHop, destination, routing, ah, destination, routing, ah, destination];

/** What may stand between the first 20 or 40 bytes and the fourth layer. */
const between: readonly (readonly [string, 4 | 6, Partial<IpOptions>])[] = [
  ['nothing', 4, {}],
  ['4 bytes of options', 4, { options: Buffer.from('01010100', 'hex') }],
  ['40 bytes of options', 4, { options: Buffer.alloc(40, 1) }],
  ['nothing', 6, {}],
  ['a hop-by-hop header', 6, { before: [extension(hopByHop)] }],
  ['a long destination header', 6, { before: [extension(destination, 20)] }],
  ['an authentication header', 6, { before: [extension(ah, 2)] }],
  ['eight headers', 6, { before: eight.map((type) => extension(type)) }],
];

interface Upper {
  readonly protocol: number;
  readonly payload: Buffer;
  /** What stands in the session's key. */
  readonly ports: readonly [number, number];
  /** The least that is no malformed packet. */
  readonly least: number;
}

function uppers(family: 4 | 6): Readonly<Record<string, Upper>> {
  const control = family === 4 ? protocols.icmp : protocols.icmp6;
  const [request, reply, error] = family === 4 ? [8, 0, 3] : [128, 129, 1];
  const short = udp(1000, 53, Buffer.alloc(10));
  const message = (type: number, id: number, key = id): Upper => {
    return { protocol: control, payload: icmp(type, id), ports: [key, key], least: 8 };
  };
  return {
    tcp: { protocol: protocols.tcp, payload: tcp(9, 80), ports: [9, 80], least: 20 },
    udp: { protocol: protocols.udp, payload: short, ports: [1000, 53], least: 8 },
    'udp-lite': { protocol: protocols.udpLite, payload: short, ports: [1000, 53], least: 8 },
    sctp: { protocol: protocols.sctp, payload: short, ports: [1000, 53], least: 12 },
    dccp: { protocol: protocols.dccp, payload: short, ports: [1000, 53], least: 12 },
    echo: message(request, 4711),
    'echo reply': message(reply, 4712),
    error: message(error, 4713, 0),
    gre: { protocol: protocols.gre, payload: Buffer.alloc(8, 1), ports: [0, 0], least: 0 },
    esp: { protocol: protocols.esp, payload: Buffer.alloc(8, 1), ports: [0, 0], least: 0 },
  };
}

function ready(t: Test): TestPlane {
  const plane = TestPlane.open(t);
  plane.setWire(1);
  plane.setStrand(1);
  plane.apply(oneClass([1]));
  return plane;
}

/** The same frame, whose IP header says that it is so long. */
function claiming(family: 4 | 6, frame: Buffer, length: number): Buffer {
  const changed = Buffer.from(frame);
  if (family === 4) changed.writeUInt16BE(length, 16);
  else changed.writeUInt16BE(length - 40, 18);
  return changed;
}

for (const [name, family, options] of between) {
  t.test(`IPv${String(family)}, ${name}, and each protocol`, (t) => {
    const plane = ready(t);
    for (const [upper, { protocol, payload, ports, least }] of Object.entries(uppers(family))) {
      const frame = ip({ ...ends[family], protocol, ...options }, payload);
      const [sourcePort, destinationPort] = ports;
      const tuple = { ...ends[family], protocol, sourcePort, destinationPort };
      t.equal(plane.send(frame), 'redirect', upper);
      t.match(plane.known(tuple), { tx_packets: 1n, tx_bytes: BigInt(frame.length - 14) });

      const first = family === 4 ? 20 : 40;
      const sent: number[] = [];
      // What is shorter the kernel does not put in; progs-spoof.test.ts does.
      for (let length = 14 + first; length < frame.length; length++) {
        if (plane.send(frame.subarray(0, length)) !== 'drop') sent.push(length);
      }
      t.same(sent, [], `${upper}: cut off anywhere, it is dropped`);

      const l4 = frame.length - payload.length - 14;
      const [cut, padded]: [number[], number[]] = [[], []];
      for (let length = first; length <= frame.length - 14; length++) {
        const claims = claiming(family, frame, length);
        if (plane.send(claims.subarray(0, length + 14)) === 'redirect') cut.push(length);
        if (plane.send(claims) === 'redirect') padded.push(length);
      }
      const whole = Array.from({ length: payload.length - least + 1 }, (_, n) => l4 + least + n);
      t.same(cut, whole, `${upper}: shorter than its headers, it is dropped`);
      t.same(padded, whole, `${upper}: what lies beyond its end is not read`);
    }
    t.same(Object.keys(plane.drops()), ['malformed']);
    t.end();
  });
}

t.test('headers that do not hold together', (t) => {
  const plane = ready(t);
  const whole4 = ip({ ...ends[4], protocol: 17 }, udp(1, 2));
  const whole6 = ip({ ...ends[6], protocol: 17 }, udp(1, 2));
  const changed = (frame: Buffer, at: number, value: number) => {
    const copy = Buffer.from(frame);
    copy[at] = value;
    return copy;
  };
  const chain = (...before: readonly Extension[]) =>
    ip({ ...ends[6], protocol: 17, before }, udp(1, 2));
  const bad: Readonly<Record<string, Buffer>> = {
    'IPv4: version 6': changed(whole4, 14, 0x65),
    'IPv4: version 5': changed(whole4, 14, 0x55),
    'IPv4: a header of 16 bytes': changed(whole4, 14, 0x44),
    'IPv4: a header longer than the packet': changed(whole4, 14, 0x4f),
    'IPv4: total length 0': claiming(4, whole4, 0),
    'IPv4: shorter than its header': claiming(4, whole4, 19),
    'IPv6: version 4': changed(whole6, 14, 0x40),
    'IPv6: payload length 0': claiming(6, whole6, 40),
    'IPv6: nine extension headers': chain(...[...eight, destination].map((one) => extension(one))),
    'IPv6: an extension header that ends beyond the packet': chain({
      type: destination,
      rest: Buffer.concat([Buffer.from([2]), Buffer.alloc(6)]),
    }),
    'IPv6: an authentication header that ends beyond the packet': chain({
      type: ah,
      rest: Buffer.concat([Buffer.from([255]), Buffer.alloc(6)]),
    }),
    'IPv6: two fragment headers': ip(
      { ...ends[6], protocol: 17, more: true, after: [fragmentHeader(1)] },
      udp(1, 2),
    ),
  };
  for (const [what, frame] of Object.entries(bad)) t.equal(plane.send(frame), 'drop', what);
  t.same(plane.drops(), { malformed: Object.keys(bad).length });
  t.match(plane.wireStats(), { tx_packets: 0n });
  t.same(plane.map('sessions4').keys(), []);
  t.same(plane.map('sessions6').keys(), []);
  t.end();
});

function fragmentHeader(offsetAndMore: number): Extension {
  const rest = Buffer.alloc(7);
  rest.writeUInt16BE(offsetAndMore, 1);
  return { type: protocols.fragment, rest };
}

t.test('a fragment header of a whole packet changes nothing', (t) => {
  const plane = ready(t);
  const tuple = { ...ends[6], protocol: protocols.udp, sourcePort: 7, destinationPort: 8 };
  t.equal(plane.send(ip({ ...tuple, before: [fragmentHeader(0)] }, udp(7, 8))), 'redirect');
  t.match(plane.known(tuple), { tx_packets: 1n, flags: 0 });
  t.match(plane.wireStats(), { fragments: 0n });
  t.same(plane.map('fragments6').keys(), []);
  t.end();
});

t.test('a packet without anything above IP', (t) => {
  const plane = ready(t);
  t.equal(plane.send(ip({ ...ends[6], protocol: protocols.none }, Buffer.alloc(0))), 'redirect');
  t.match(plane.known({ ...ends[6], protocol: protocols.none }), { tx_packets: 1n });
  t.end();
});

t.test('random bytes never harm', (t) => {
  const plane = ready(t);
  let state = 1;
  const random = () => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) >>> 16;
  const seen = new Set<string>();
  for (let n = 0; n < 20_000; n++) {
    const family = n % 2 === 0 ? 4 : 6;
    const frame = ip({ ...ends[family], protocol: random() & 255 }, Buffer.alloc(random() & 127));
    for (let hits = random() & 7; hits >= 0; hits--) {
      frame[14 + (random() % (frame.length - 14))] = random() & 255;
    }
    seen.add(plane.send(frame));
  }
  t.same([...seen].sort(), ['drop', 'redirect']);
  t.same(Object.keys(plane.drops()), ['malformed']);
  t.end();
});
