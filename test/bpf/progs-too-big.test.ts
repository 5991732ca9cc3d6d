// SPDX-License-Identifier: Apache-2.0
/** What does not fit is answered: the answers' bytes, and to whom none is sent. */
import t from 'tap';
import { checksum, etherTypes, icmp, ip, protocols, tcp, udp, type IpOptions } from './packets.js';
import { oneClass, TestPlane } from './plane.js';

const ends4 = { source: '172.16.0.2', destination: '10.60.0.9' };
const ends6 = { source: 'fd00::2', destination: 'fd60::9' };
const quoted = 128;

function ready(t: Tap, wire: number, strand: number): TestPlane {
  const plane = TestPlane.open(t);
  plane.setWire(1, { mtu: wire });
  plane.setStrand(1, { mtu: strand });
  plane.apply(oneClass([1]));
  return plane;
}
type Tap = Parameters<typeof TestPlane.open>[0];

/** A UDP packet whose IP packet is so long. */
function long(options: Partial<IpOptions> & typeof ends4, length: number): Buffer {
  const headers = ip({ ...options, protocol: protocols.udp }, udp(7, 8)).length - 14;
  const data = Buffer.alloc(length - headers, 0xa5);
  return ip({ ...options, protocol: protocols.udp }, udp(7, 8, data));
}

const macs = (frame: Buffer) => [frame.subarray(0, 6), frame.subarray(6, 12)];

t.test('IPv4: fragmentation needed', (t) => {
  const plane = ready(t, 1450, 1400);
  t.equal(plane.send(long({ ...ends4, whole: true }, 1400)), 'redirect', 'what fits');
  const frame = long({ ...ends4, whole: true, dscp: 46, ecn: 1 }, 1401);
  const { verdict, packet } = plane.run(frame);
  t.equal(verdict, 'redirect', 'back to where it came from');
  t.same(plane.drops(), { 'too-big': 1 });
  t.match(plane.wireStats(), { tx_packets: 1n });
  t.match(plane.known({ ...ends4, protocol: 17, sourcePort: 7, destinationPort: 8 }), {
    tx_packets: 1n,
  });

  t.equal(packet.length, 14 + 20 + 8 + quoted);
  t.same(macs(packet), macs(frame).reverse());
  t.equal(packet.readUInt16BE(12), etherTypes.ip4);
  const header = packet.subarray(14, 34);
  const expected = Buffer.from('4500000000000000400100000a3c0009ac100002', 'hex');
  expected[1] = 46 << 2;
  expected.writeUInt16BE(20 + 8 + quoted, 2);
  header.copy(expected, 10, 10, 12);
  t.same(header, expected, 'from the packet’s destination to its source');
  t.equal(checksum(header), 0);
  const message = packet.subarray(34);
  t.same(message.subarray(0, 2), Buffer.from([3, 4]));
  t.equal(message.readUInt32BE(4), 1400);
  t.same(message.subarray(8), frame.subarray(14, 14 + quoted));
  t.equal(checksum(message), 0);
  t.end();
});

t.test('IPv6: packet too big', (t) => {
  const plane = ready(t, 1400, 1450);
  t.equal(plane.send(long(ends6, 1400)), 'redirect', 'what fits');
  const frame = long(ends6, 1401);
  const { verdict, packet } = plane.run(frame);
  t.equal(verdict, 'redirect');
  t.same(plane.drops(), { 'too-big': 1 });

  t.equal(packet.length, 14 + 40 + 8 + quoted);
  t.same(macs(packet), macs(frame).reverse());
  t.equal(packet.readUInt16BE(12), etherTypes.ip6);
  const header = packet.subarray(14, 54);
  t.same(header.subarray(0, 8), Buffer.from([0x60, 0, 0, 0, 0, 8 + quoted, protocols.icmp6, 64]));
  t.same(header.subarray(8, 24), frame.subarray(38, 54));
  t.same(header.subarray(24, 40), frame.subarray(22, 38));
  const message = packet.subarray(54);
  t.same(message.subarray(0, 2), Buffer.from([2, 0]));
  t.equal(message.readUInt32BE(4), 1400, 'the smaller one of the wire’s and the strand’s');
  t.same(message.subarray(8), frame.subarray(14, 14 + quoted));
  const pseudo = Buffer.concat([
    header.subarray(8, 40),
    Buffer.from([0, 0, 0, message.length, 0, 0, 0, protocols.icmp6]),
  ]);
  t.equal(checksum(pseudo, message), 0);
  t.end();
});

t.test('what may be fragmented is answered too: nobody here fragments it', (t) => {
  const plane = ready(t, 1450, 1400);
  const { verdict, packet } = plane.run(long(ends4, 1401));
  t.equal(verdict, 'redirect');
  t.same(packet.subarray(34, 36), Buffer.from([3, 4]));
  t.end();
});

t.test('odd headers are quoted as they are, checksums hold', (t) => {
  const plane = ready(t, 1450, 1300);
  for (const options of [Buffer.from('01010100', 'hex'), Buffer.alloc(40, 1)]) {
    const frame = long({ ...ends4, options }, 1350);
    const { packet } = plane.run(frame);
    t.same(packet.subarray(42), frame.subarray(14, 14 + quoted));
    t.equal(checksum(packet.subarray(34)), 0);
  }
  const before = [
    { type: protocols.destination, rest: Buffer.concat([Buffer.from([1]), Buffer.alloc(14, 1)]) },
  ];
  const frame = long({ ...ends6, before }, 1350);
  t.same(plane.run(frame).packet.subarray(62), frame.subarray(14, 14 + quoted));
  t.end();
});

t.test('nobody is answered who must not be', (t) => {
  const plane = ready(t, 1450, 1300);
  const data = Buffer.alloc(1400, 1);
  const error4 = (type: number) => ip({ ...ends4, protocol: protocols.icmp }, icmp(type, 0, data));
  const error6 = (type: number) => ip({ ...ends6, protocol: protocols.icmp6 }, icmp(type, 0, data));
  const silent: Readonly<Record<string, Buffer>> = {
    unreachable: error4(3),
    'source quench': error4(4),
    redirect: error4(5),
    'time exceeded': error4(11),
    'parameter problem': error4(12),
    'IPv6 unreachable': error6(1),
    'IPv6 too big': error6(2),
    'IPv6 error to come': error6(127),
    multicast: long({ ...ends4, destination: '224.0.0.9' }, 1400),
    broadcast: long({ ...ends4, destination: '255.255.255.255' }, 1400),
    'from a group': long({ ...ends4, source: '239.1.1.1' }, 1400),
    'from nowhere': long({ ...ends4, source: '0.0.0.0' }, 1400),
    'IPv6 multicast': long({ ...ends6, destination: 'ff02::1' }, 1400),
    'IPv6 from a group': long({ ...ends6, source: 'ff02::1' }, 1400),
    'IPv6 from nowhere': long({ ...ends6, source: '::' }, 1400),
    'a later fragment': long({ ...ends4, offset: 100 }, 1400),
    'a later IPv6 fragment': long({ ...ends6, offset: 100 }, 1400),
  };
  for (const [what, frame] of Object.entries(silent)) {
    const { verdict, packet } = plane.run(frame);
    t.equal(verdict, 'drop', what);
    t.same(packet, frame, what);
  }
  t.same(plane.drops(), { 'too-big': Object.keys(silent).length });

  const answered = {
    echo: error4(8),
    'IPv6 echo': error6(128),
    'a first fragment': long({ ...ends4, more: true }, 1400),
    'a first IPv6 fragment': long({ ...ends6, more: true }, 1400),
    tcp: ip({ ...ends4, protocol: protocols.tcp }, tcp(1, 2, data)),
  };
  for (const [what, frame] of Object.entries(answered))
    t.equal(plane.send(frame), 'redirect', what);
  t.match(plane.wireStats(), { tx_packets: 0n });
  t.end();
});

t.test('a wire for Ethernet: what is no IP and too long is dropped', (t) => {
  const plane = ready(t, 1450, 1400);
  plane.setWire(1, { flags: 1 | 2 | 8, mtu: 1450 });
  const frame = Buffer.concat([Buffer.alloc(12), Buffer.from([0x88, 0xcc]), Buffer.alloc(1401)]);
  t.equal(plane.send(frame), 'drop');
  t.same(plane.drops(), { 'too-big': 1 });
  t.equal(plane.send(frame.subarray(0, 1414)), 'redirect');
  t.end();
});
