// SPDX-License-Identifier: Apache-2.0
/** Ethernet frames, byte by byte, and the keys of their sessions. */
import ipaddr from 'ipaddr.js';
import { flow, flow4 } from '../../bpf/loader/layout.js';

/** IP protocol numbers. */
export const protocols = {
  hopByHop: 0,
  icmp: 1,
  tcp: 6,
  udp: 17,
  dccp: 33,
  routing: 43,
  fragment: 44,
  gre: 47,
  esp: 50,
  ah: 51,
  icmp6: 58,
  none: 59,
  destination: 60,
  sctp: 132,
  udpLite: 136,
} as const;

export const etherTypes = { ip4: 0x0800, arp: 0x0806, vlan: 0x8100, ip6: 0x86dd, lldp: 0x88cc };

/** What stands in an IP header. */
export interface IpOptions {
  readonly source: string;
  readonly destination: string;
  readonly protocol: number;
  readonly dscp?: number;
  readonly ecn?: number;
  readonly ttl?: number;
  /** In units of 8 bytes. */
  readonly offset?: number;
  readonly more?: boolean;
  readonly id?: number;
  /** IPv4: must not be fragmented. */
  readonly whole?: boolean;
  /** IPv4: after the header's 20 bytes; a multiple of 4. */
  readonly options?: Buffer;
  /** IPv6: headers in between, with their types; a fragment header comes by itself, after `before`. */
  readonly before?: readonly Extension[];
  readonly after?: readonly Extension[];
}

/** An IPv6 extension header, without its first byte. */
export interface Extension {
  readonly type: number;
  readonly rest: Buffer;
}

/** Bytes of an address in text. */
export function address(text: string): Buffer {
  return Buffer.from(ipaddr.parse(text).toByteArray());
}

/** 16 bytes, IPv4 as ::ffff:a.b.c.d. */
export function mapped(text: string): Buffer {
  const bytes = address(text);
  return bytes.length === 16 ? bytes : Buffer.concat([mappedPrefix, bytes]);
}
const mappedPrefix = Buffer.from('00000000000000000000ffff', 'hex');

function u16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff]);
}

/** The Internet checksum. */
export function checksum(...parts: readonly Buffer[]): number {
  const all = Buffer.concat(parts);
  let sum = 0;
  for (let at = 0; at < all.length; at += 2) sum += ((all[at] ?? 0) << 8) | (all[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** A frame from the client's interface to the host end. */
export function ethernet(type: number, payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from('02000000000102000000000a', 'hex'), u16(type), payload]);
}

/** An IP packet in a frame. */
export function ip(options: IpOptions, payload: Buffer): Buffer {
  return options.source.includes(':') ? ip6(options, payload) : ip4(options, payload);
}

function ip4(options: IpOptions, payload: Buffer): Buffer {
  const { dscp = 0, ecn = 0, ttl = 64, offset = 0, more = false, whole = false, id = 0 } = options;
  const rest = options.options ?? Buffer.alloc(0);
  const header = Buffer.concat([
    Buffer.from([0x45 + rest.length / 4, (dscp << 2) | ecn]),
    u16(20 + rest.length + payload.length),
    u16(id),
    u16((whole ? 0x4000 : 0) | (more ? 0x2000 : 0) | offset),
    Buffer.from([ttl, options.protocol, 0, 0]),
    address(options.source),
    address(options.destination),
    rest,
  ]);
  header.writeUInt16BE(checksum(header), 10);
  return ethernet(etherTypes.ip4, Buffer.concat([header, payload]));
}

function ip6(options: IpOptions, payload: Buffer): Buffer {
  const { dscp = 0, ecn = 0, ttl = 64, offset, more = false, id = 0 } = options;
  const { before = [], after = [], protocol } = options;
  const isFragment = offset !== undefined || more;
  const fragment = Buffer.alloc(7);
  fragment.writeUInt16BE(((offset ?? 0) << 3) | (more ? 1 : 0), 1);
  fragment.writeUInt32BE(id, 3);
  const chain = [
    ...before,
    ...(isFragment ? [{ type: protocols.fragment, rest: fragment }] : []),
    ...after,
  ];
  const headers = chain.map(({ rest }, at) =>
    Buffer.concat([Buffer.from([chain[at + 1]?.type ?? protocol]), rest]),
  );
  const body = Buffer.concat([...headers, payload]);
  const first = Buffer.from([0x60, 0, 0, 0]);
  first.writeUInt16BE(0x6000 | (dscp << 6) | (ecn << 4), 0);
  return ethernet(
    etherTypes.ip6,
    Buffer.concat([
      first,
      u16(body.length),
      Buffer.from([chain[0]?.type ?? protocol, ttl]),
      address(options.source),
      address(options.destination),
      body,
    ]),
  );
}

/** Flags of TCP's header. */
export const tcpFlags = { fin: 1, syn: 2, rst: 4, ack: 16 } as const;

/** A header of TCP, without options. */
export function tcp(
  source: number,
  destination: number,
  data: Buffer = Buffer.alloc(0),
  flags = 0,
  { seq = 0, ack = 0 }: { readonly seq?: number; readonly ack?: number } = {},
): Buffer {
  const header = Buffer.alloc(20);
  header.writeUInt16BE(source, 0);
  header.writeUInt16BE(destination, 2);
  header.writeUInt32BE(seq >>> 0, 4);
  header.writeUInt32BE(ack >>> 0, 8);
  header[12] = 0x50;
  header[13] = flags;
  return Buffer.concat([header, data]);
}

/** A header of UDP. */
export function udp(source: number, destination: number, data: Buffer = Buffer.alloc(0)): Buffer {
  return Buffer.concat([
    u16(source),
    u16(destination),
    u16(8 + data.length),
    Buffer.alloc(2),
    data,
  ]);
}

/** A message of ICMP or ICMPv6; `id` stands where echo has it. */
export function icmp(type: number, id = 0, data: Buffer = Buffer.alloc(8)): Buffer {
  return Buffer.concat([Buffer.from([type, 0, 0, 0]), u16(id), u16(1), data]);
}

/** A frame as VXLAN carries it in UDP. */
export function vxlan(vni: number, frame: Buffer): Buffer {
  const header = Buffer.from([8, 0, 0, 0, 0, 0, 0, 0]);
  header.writeUIntBE(vni, 4, 3);
  return Buffer.concat([header, frame]);
}

/** What tells a session from others. */
export interface Tuple {
  readonly source: string;
  readonly destination: string;
  readonly protocol: number;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
}

/** The session's key in `sessions4` or `sessions6`. */
export function sessionKey(wire: number, tuple: Tuple): { family: 4 | 6; key: Buffer } {
  const family = tuple.source.includes(':') ? 6 : 4;
  const rest = {
    wire,
    source: address(tuple.source),
    destination: address(tuple.destination),
    source_port: u16(tuple.sourcePort ?? 0),
    destination_port: u16(tuple.destinationPort ?? 0),
    protocol: tuple.protocol,
  };
  return { family, key: family === 4 ? flow4.encode(rest) : flow.encode(rest) };
}

/** The session's key in `pins`. */
export function pinKey(wire: number, tuple: Tuple): Buffer {
  return flow.encode({
    wire,
    source: mapped(tuple.source),
    destination: mapped(tuple.destination),
    source_port: u16(tuple.sourcePort ?? 0),
    destination_port: u16(tuple.destinationPort ?? 0),
    protocol: tuple.protocol,
  });
}
