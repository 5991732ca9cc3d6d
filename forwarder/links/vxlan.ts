// SPDX-License-Identifier: Apache-2.0
/** VXLAN devices: the message that makes one of ours, and what the kernel says of any. */
import {
  AttrStream,
  formatInfo,
  formatLinkMessage,
  formatVxlan,
  MessageType,
  parseInfo,
  parseLinkMessage,
  parseVxlan,
} from './codec.js';
import { flags, type Message } from './frame.js';
import type { NewVxlan } from './operation.js';
import type { Answer } from './batch.js';

/** A VXLAN device that is there. */
export interface FoundVxlan {
  readonly index: number;
  readonly name: string;
  readonly alias: string;
  readonly mtu: number;
  readonly up: boolean;
  /** UDP. */
  readonly port: number;
  /** Its tunnels are told packet by packet. */
  readonly external: boolean;
}

/** Exclusive: a device of that name, or one with the same tunnels, is EEXIST. */
export function vxlanMessage({ name, port, mtu }: NewVxlan): Message {
  const data = new AttrStream();
  data.emit(
    formatVxlan({
      collectMetadata: 1,
      learning: 0,
      port: Buffer.of(port >> 8, port & 0xff),
      // Outer IPv6 without a UDP checksum (RFC 6935): the inner packet has its own.
      udpZeroCsum6Rx: 1,
    }),
  );
  const info = new AttrStream();
  info.emit(formatInfo({ kind: 'vxlan', data: Buffer.concat(data.bufs) }));
  const out = new AttrStream();
  const attrs = { ifname: name, mtu, linkinfo: Buffer.concat(info.bufs) };
  formatLinkMessage({ kind: 'link', data: {}, attrs }, out);
  const how = flags.request | flags.ack | flags.create | flags.excl;
  return { type: MessageType.NEWLINK, flags: how, body: out.bufs };
}

/** The VXLAN devices among the links in an answer. */
export function vxlansOf({ objects }: Answer): readonly FoundVxlan[] {
  return objects.flatMap(({ data: bytes }) => {
    const { data, attrs } = parseLinkMessage(bytes);
    const { kind, data: own } = parseInfo(attrs.linkinfo ?? Buffer.alloc(0));
    if (kind !== 'vxlan' || own === undefined) return [];
    const { port, collectMetadata } = parseVxlan(own);
    return [
      {
        index: data.index ?? 0,
        name: attrs.ifname ?? '',
        alias: attrs.ifalias ?? '',
        mtu: attrs.mtu ?? 0,
        up: data.flags?.up ?? false,
        port: port?.readUInt16BE(0) ?? 0,
        external: collectMetadata === 1,
      },
    ];
  });
}
