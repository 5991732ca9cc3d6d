// SPDX-License-Identifier: Apache-2.0
/** Probes and answers of STAMP (RFC 8762) byte by byte, and a plane with strands that they come by. */
import type { Test } from 'tap';
import { limits, sent, sentStates, stampPort, type Quality } from '../../bpf/loader/layout.js';
import { u32 } from './number.js';
import { address, checksum, ip, mapped, protocols, udp, type IpOptions } from './packets.js';
import { TestPlane } from './plane.js';

/** What of ours the probes of a test come from. */
export const probePort = 40_862;
/** The same of large ones. */
export const largePort = 40_863;

/** Both ends of strand 1 (IPv4) and 2 (IPv6). */
export const strandEnds = {
  4: { strand: 1, local: '192.0.2.1', remote: '198.51.100.1' },
  6: { strand: 2, local: 'fd92::1', remote: 'fd98::1' },
} as const;

/** A sender's packet. */
export interface Probe {
  readonly seq: number;
  readonly stamp: bigint;
  readonly error?: number;
  readonly ssid?: number;
  /** Behind the 44 bytes. */
  readonly tail?: Buffer;
}

/** Its bytes. */
export function probeOf({ seq, stamp, error = 1, ssid = 0, tail }: Probe): Buffer {
  const out = Buffer.alloc(limits.stamp);
  out.writeUInt32BE(seq, 0);
  out.writeBigUInt64BE(stamp, 4);
  out.writeUInt16BE(error, 12);
  out.writeUInt16BE(ssid, 14);
  return Buffer.concat([out, tail ?? Buffer.alloc(0)]);
}

/** A reflector's packet. */
export interface Answer {
  /** The reflector's own. */
  readonly seq: number;
  readonly stamp: bigint;
  readonly error: number;
  readonly received: bigint;
  readonly probe: Probe;
  readonly ttl: number;
}

/** Its bytes. */
export function answerOf({ seq, stamp, error, received, probe, ttl }: Answer): Buffer {
  const out = Buffer.alloc(limits.stamp);
  out.writeUInt32BE(seq, 0);
  out.writeBigUInt64BE(stamp, 4);
  out.writeUInt16BE(error, 12);
  out.writeUInt16BE(probe.ssid ?? 0, 14);
  out.writeBigUInt64BE(received, 16);
  out.writeUInt32BE(probe.seq, 24);
  out.writeBigUInt64BE(probe.stamp, 28);
  out.writeUInt16BE(probe.error ?? 1, 36);
  out[40] = ttl;
  return Buffer.concat([out, probe.tail ?? Buffer.alloc(0)]);
}

/** A packet of UDP, its checksum right (or 0), to the loopback interface's MAC. */
export function datagram(
  options: Omit<IpOptions, 'protocol'>,
  [from, to]: readonly [number, number],
  data: Buffer,
  summed = true,
): Buffer {
  const header = udp(from, to, data);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(header.length);
  const even = Buffer.alloc(header.length % 2);
  const pseudo = [address(options.source), address(options.destination), length];
  const sum = checksum(...pseudo, Buffer.from([0, protocols.udp]), header, even);
  if (summed) header.writeUInt16BE(sum || 0xffff, 6);
  const frame = ip({ ...options, protocol: protocols.udp }, header);
  return frame.fill(0, 0, 6);
}

/** UDP's payload of a frame without IP options. */
export function payloadOf(frame: Buffer): Buffer {
  return frame.subarray(14 + (frame.readUInt16BE(12) === 0x0800 ? 20 : 40) + 8);
}

/** A plane with both strands, where probes are reflected and answers awaited. */
export function stampPlane(t: Test): TestPlane {
  const plane = TestPlane.open(t);
  plane.control('stamp_port', stampPort);
  plane.control('probe_port', probePort);
  plane.control('large_port', largePort);
  for (const family of [4, 6] as const) {
    const { strand, local, remote } = strandEnds[family];
    plane.setStrand(strand, { local: mapped(local), remote: mapped(remote), family });
  }
  return plane;
}

/** What the prober leaves as it sends a probe. */
export function setSent(
  plane: TestPlane,
  strand: number,
  { seq, stamp }: Pick<Probe, 'seq' | 'stamp'>,
  { state = sentStates.underWay, sentNs = 0n }: { state?: number; sentNs?: bigint } = {},
): void {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(stamp);
  const value = { stamp: bytes.readBigUInt64LE(), sent_ns: sentNs, seq, state };
  plane.map('sent').update(slotOf(strand, seq), sent.encode(value));
}

/** What is there of it. */
export function sentAs(plane: TestPlane, strand: number, seq: number) {
  return sent.decode(plane.map('sent').lookup(slotOf(strand, seq)) ?? Buffer.alloc(0));
}

function slotOf(strand: number, seq: number): Buffer {
  return u32(strand * limits.sent + (seq % limits.sent));
}

/** RFC 6298 as the programs reckon it. */
export function smoothed(rtts: readonly number[]): Pick<Quality, 'srtt_ns' | 'rttvar_ns'> {
  const [first = 0, ...rest] = rtts;
  let [srtt, rttvar] = [first, Math.floor(first / 2)];
  for (const rtt of rest) {
    rttvar = Math.floor((3 * rttvar + Math.abs(srtt - rtt)) / 4);
    srtt = Math.floor((7 * srtt + rtt) / 8);
  }
  return { srtt_ns: srtt, rttvar_ns: rttvar };
}
