// SPDX-License-Identifier: Apache-2.0
/** STAMP by hand (RFC 8762, unauthenticated): packets of a sender and of a reflector, sent from a place of a lab. */
import type { Place } from '../../lab/place.js';

/** What a probe says of itself. */
export interface StampProbe {
  readonly seq: number;
  /** As the eight bytes stand in the packet. */
  readonly stamp: Buffer;
}

/** A reflector's answer as it comes back. */
export interface StampAnswer {
  readonly seq: number;
  readonly senderSeq: number;
  readonly senderStamp: Buffer;
  readonly senderTtl: number;
  /** What passed at the reflector between coming and going, in milliseconds of its clock. */
  readonly heldMs: number;
}

const size = 44;

/** Answer packets for these probes, as a reflector that saw them would make them. */
export function answers(probes: readonly StampProbe[]): Buffer[] {
  return probes.map(({ seq, stamp }, at) => {
    const packet = Buffer.alloc(size);
    packet.writeUInt32BE(at, 0);
    packet.writeUInt32BE(seq, 24);
    stamp.copy(packet, 28);
    packet.writeUInt8(64, 40);
    return packet;
  });
}

/** A sender's packets. */
export function requests(probes: readonly StampProbe[]): Buffer[] {
  return probes.map(({ seq, stamp }) => {
    const packet = Buffer.alloc(size);
    packet.writeUInt32BE(seq, 0);
    stamp.copy(packet, 4);
    return packet;
  });
}

/** Where packets go, and from where. */
export interface StampWay {
  readonly from: string;
  /** 0: one that is free. */
  readonly fromPort: number;
  readonly to: string;
  readonly toPort: number;
}

const script = `
const [from, fromPort, to, toPort, ...packets] = process.argv.slice(1);
const socket = require('dgram').createSocket('udp4');
const heard = [];
socket.on('message', (message) => heard.push(message.toString('hex')));
socket.bind(Number(fromPort), from, () => {
  packets.forEach((packet, at) => setTimeout(() => socket.send(Buffer.from(packet, 'hex'), Number(toPort), to), at));
  setTimeout(() => { console.log(heard.join(' ')); socket.close(); }, packets.length + 300);
});`;

/** Send them, one a millisecond; resolves to what came back within 300 ms. */
export async function sendStamp(
  place: Place,
  { from, fromPort, to, toPort }: StampWay,
  packets: readonly Buffer[],
): Promise<StampAnswer[]> {
  const way = [from, String(fromPort), to, String(toPort)];
  const hex = packets.map((packet) => packet.toString('hex'));
  const said = await place.exec(process.execPath, '-e', script, ...way, ...hex);
  return said
    .trim()
    .split(' ')
    .filter(Boolean)
    .map((text) => {
      const packet = Buffer.from(text, 'hex');
      const held = packet.readBigUInt64BE(4) - packet.readBigUInt64BE(16);
      return {
        seq: packet.readUInt32BE(0),
        senderSeq: packet.readUInt32BE(24),
        senderStamp: packet.subarray(28, 36),
        senderTtl: packet.readUInt8(40),
        heldMs: (Number(held) / 2 ** 32) * 1_000,
      };
    });
}
