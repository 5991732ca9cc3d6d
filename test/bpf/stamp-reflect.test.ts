// SPDX-License-Identifier: Apache-2.0
/** A probe becomes its answer: byte by byte, and of which packets nothing is made. */
import t from 'tap';
import { stampPort } from '../../bpf/loader/layout.js';
import { ip, protocols, tcp, udp } from './packets.js';
import {
  answerOf,
  datagram,
  payloadOf,
  probeOf,
  stampPlane,
  strandEnds,
  type Probe,
} from './stamp.js';
import type { TestPlane } from './plane.js';

const redirect = 7;
const pass = -1;
/** As the program has it: a minute. */
const clockError = 0x2601;
const toNtpSeconds = 2_208_988_800;

const receive = (plane: TestPlane, frame: Buffer) =>
  plane.object.program('stamp_rx').testRun(frame);

for (const family of [4, 6] as const) {
  const { strand, local, remote } = strandEnds[family];
  const there = { source: remote, destination: local };
  const back = { source: local, destination: remote };

  t.test(`IPv${String(family)}: every byte of an answer`, (t) => {
    const plane = stampPlane(t);
    const shapes: readonly (readonly [what: string, probe: Probe, summed: boolean])[] = [
      ['of 44 bytes', { seq: 5, stamp: 0x0123456789abcdefn }, true],
      ['an SSID', { seq: 0xffffffff, stamp: 0n, error: 0x8fff, ssid: 0x1234 }, true],
      ['longer', { seq: 0, stamp: 1n << 63n, tail: Buffer.alloc(100, 0xa5) }, true],
      ['longer by an odd number', { seq: 1, stamp: 7n, tail: Buffer.alloc(1001, 0x5a) }, true],
      ['no checksum', { seq: 6, stamp: 0x0123456789abcdefn }, false],
    ];
    for (const [at, [what, probe, summed]] of shapes.entries()) {
      const options = { dscp: 46, ecn: 1, id: 4711, whole: true };
      const frame = datagram(
        { ...there, ...options, ttl: 61 },
        [5000, stampPort],
        probeOf(probe),
        summed,
      );
      const before = process.hrtime.bigint();
      const { retval, packet } = receive(plane, frame);
      t.equal(retval, redirect, what);
      const payload = payloadOf(packet);
      const [stamp, received] = [payload.readBigUInt64BE(4), payload.readBigUInt64BE(16)];
      const answer = answerOf({ seq: at, stamp, error: clockError, received, probe, ttl: 61 });
      const expected = datagram(
        { ...back, ...options, ttl: 255 },
        [stampPort, 5000],
        answer,
        summed,
      );
      frame.copy(expected, 0, 6, 12);
      frame.copy(expected, 6, 0, 6);
      t.same(packet.toString('hex'), expected.toString('hex'), `${what}: every byte`);
      t.ok(received <= stamp && stamp - received < 1n << 27n, 'it took less than 31 ms');
      const seconds = Number(stamp >> 32n) - toNtpSeconds;
      t.ok(Math.abs(seconds - Date.now() / 1000) < 64, 'and is as right as it says');
      const { heard_ns: heard, reflected } = plane.quality(strand);
      t.ok(heard >= before && heard <= process.hrtime.bigint());
      t.equal(reflected, BigInt(at + 1));
    }
    t.end();
  });

  t.test(`IPv${String(family)}: each sender has numbers of its own`, (t) => {
    const plane = stampPlane(t);
    const numbers = [5000, 5000, 5001, 5000, 5001].map((port, seq) => {
      const frame = datagram(there, [port, stampPort], probeOf({ seq, stamp: 1n }));
      return payloadOf(receive(plane, frame).packet).readUInt32BE(0);
    });
    t.same(numbers, [0, 1, 0, 2, 1]);
    t.end();
  });

  t.test(`IPv${String(family)}: what is no strand's, or no probe, passes on as it is`, (t) => {
    const plane = stampPlane(t);
    const probe = probeOf({ seq: 5, stamp: 1n });
    const ports = [5000, stampPort] as const;
    const usual = datagram(there, ports, probe);
    const changed = (change: (frame: Buffer) => void): Buffer => {
      const frame = Buffer.from(usual);
      change(frame);
      return frame;
    };
    const l4 = family === 4 ? 34 : 54;
    const other = family === 4 ? '203.0.113.9' : 'fd99::9';
    const fragment = { ...there, protocol: protocols.udp, more: true, id: 3 };
    const frames: Readonly<Record<string, Buffer>> = {
      'from somebody else': datagram({ ...there, source: other }, ports, probe),
      'to another address of ours': datagram({ ...there, destination: other }, ports, probe),
      'to another port': datagram(there, [5000, 863], probe),
      'from that port': datagram(there, [stampPort, 5000], probe),
      'too short': datagram(there, ports, probe.subarray(0, 43)),
      'a length that is too short': changed((frame) => frame.writeUInt16BE(51, l4 + 4)),
      'a length beyond the end': changed((frame) => frame.writeUInt16BE(53, l4 + 4)),
      "another host's frame": changed((frame) => frame.writeUInt8(2, 0)),
      TCP: ip({ ...there, protocol: protocols.tcp }, tcp(5000, stampPort, probe)).fill(0, 0, 6),
      'a fragment': ip(fragment, udp(5000, stampPort, probe)).fill(0, 0, 6),
      'a frame without IP': changed((frame) => frame.writeUInt16BE(0x88cc, 12)),
    };
    for (const [what, frame] of Object.entries(frames)) {
      const { retval, packet } = receive(plane, frame);
      t.equal(retval, pass, what);
      t.same(packet, frame, `${what}, as it is`);
    }
    plane.control('stamp_port', 0);
    t.equal(receive(plane, usual).retval, pass, 'switched off');
    t.match(plane.quality(strand), { reflected: 0n, heard_ns: 0n });
    plane.control('stamp_port', stampPort);
    t.equal(receive(plane, usual).retval, redirect, 'the same, on again');
    t.end();
  });
}

t.test('IPv4 options pass on', (t) => {
  const plane = stampPlane(t);
  const { local: destination, remote: source } = strandEnds[4];
  const options = Buffer.from([1, 1, 1, 1]);
  const datagramOf = udp(5000, stampPort, probeOf({ seq: 1, stamp: 1n }));
  const frame = ip({ source, destination, protocol: protocols.udp, options }, datagramOf);
  t.equal(receive(plane, frame.fill(0, 0, 6)).retval, pass);
  t.end();
});
