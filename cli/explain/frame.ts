// SPDX-License-Identifier: Apache-2.0
/** The first packet of a session as a frame, with the headers that steering reads. */
import { protocolsWithPorts } from '../../api/site/traffic.js';
import type { Packet } from './packet.js';

/** From nobody to nobody: steering asks no address of Ethernet. */
const macs = Buffer.from('020000000001020000000002', 'hex');
const ethernet = { 4: Buffer.from([0x08, 0x00]), 6: Buffer.from([0x86, 0xdd]) } as const;
const ttl = 64;
const tcp = 6;

/** See the head of this file. A TCP one is a SYN. */
export function frameOf(packet: Packet): Buffer {
  const payload = l4(packet);
  const header = packet.family === 4 ? ip4(packet, payload.length) : ip6(packet, payload.length);
  return Buffer.concat([macs, ethernet[packet.family], header, payload]);
}

function ip4({ flow, dscp }: Packet, length: number): Buffer {
  const header = Buffer.alloc(20);
  header.set([0x45, dscp << 2], 0);
  header.writeUInt16BE(header.length + length, 2);
  header.set([ttl, flow.protocol], 8);
  header.set(flow.source.subarray(12), 12);
  header.set(flow.destination.subarray(12), 16);
  let sum = 0;
  for (let at = 0; at < header.length; at += 2) sum += header.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  header.writeUInt16BE(~sum & 0xffff, 10);
  return header;
}

function ip6({ flow, dscp }: Packet, length: number): Buffer {
  const header = Buffer.alloc(40);
  header.writeUInt16BE(0x6000 | (dscp << 6), 0);
  header.writeUInt16BE(length, 4);
  header.set([flow.protocol, ttl], 6);
  header.set(flow.source, 8);
  header.set(flow.destination, 24);
  return header;
}

function l4({ flow, family }: Packet): Buffer {
  const { protocol, source_port, destination_port } = flow;
  // No header is longer of what the program reads.
  const header = Buffer.alloc(20);
  if (protocolsWithPorts.has(protocol)) {
    header.set(source_port, 0);
    header.set(destination_port, 2);
    if (protocol === tcp) header.set([0x50, 0x02], 12);
    else header.writeUInt16BE(header.length, 4);
  } else if (protocol === (family === 4 ? 1 : 58)) {
    // Echo request, with its id.
    header[0] = family === 4 ? 8 : 128;
    header.set(source_port, 4);
  }
  return header;
}
