// SPDX-License-Identifier: Apache-2.0
/**
 * The addresses of this side, an exact set: src_ip_addrs at the client,
 * dst_ip_addrs at the endpoint. With an IPv6 one comes the link-local one that
 * every IPv6 interface has, made of the MAC as the kernel would.
 */
import { families, prefixText } from '../links/ip.js';
import { macBytes } from '../links/message.js';
import type { Facet } from './facet.js';

/** The facet. */
export function addresses(): Facet {
  return ({ own, ownMac }) => {
    const linkLocal = own.some(({ family }) => family === families.v6) ? [eui64(ownMac)] : [];
    return { addresses: [...own.map(prefixText), ...linkLocal] };
  };
}

function eui64(mac: string): string {
  const own = macBytes(mac);
  const bytes = Buffer.concat([
    Buffer.from('fe80000000000000', 'hex'),
    own.subarray(0, 3),
    Buffer.from('fffe', 'hex'),
    own.subarray(3),
  ]);
  bytes[8] = (bytes[8] ?? 0) ^ 0x02;
  return prefixText({ bytes, length: 64 });
}
