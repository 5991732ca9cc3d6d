// SPDX-License-Identifier: Apache-2.0
/** IP addresses and prefixes between NSM's text and the kernel's bytes. */
import { isIPv4, isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';

/** AF_INET and AF_INET6. */
export const families = { v4: 2, v6: 10 } as const;

/** An address with a prefix length; host bits are kept. */
export interface Prefix {
  /** AF_INET or AF_INET6. */
  readonly family: number;
  readonly bytes: Buffer;
  readonly length: number;
}

/** Read `10.0.0.1/24`, or `10.0.0.1` as a host; nothing where it is neither. */
export function parsePrefix(text: string): Prefix | undefined {
  const [address = '', length, ...rest] = text.split('/');
  if (rest.length > 0 || (!isIPv4(address) && !isIPv6(address))) return undefined;
  if (address.includes('%')) return undefined; // a zone means something on one machine only
  const bytes = Buffer.from(ipaddr.parse(address).toByteArray());
  const family = bytes.length === 4 ? families.v4 : families.v6;
  const bits = bytes.length * 8;
  if (length === undefined) return { family, bytes, length: bits };
  if (!/^\d{1,3}$/.test(length) || Number(length) > bits) return undefined;
  return { family, bytes, length: Number(length) };
}

/** The one way to write an address. */
export function addressText(bytes: Uint8Array): string {
  return ipaddr.fromByteArray([...bytes]).toString();
}

/** The one way to write a prefix, always with its length. */
export function prefixText({ bytes, length }: Pick<Prefix, 'bytes' | 'length'>): string {
  return `${addressText(bytes)}/${String(length)}`;
}

/** The same prefix without its host bits. */
export function network(prefix: Prefix): Prefix {
  const bytes = Buffer.from(prefix.bytes);
  bytes.forEach((byte, at) => {
    const kept = Math.min(Math.max(prefix.length - at * 8, 0), 8);
    bytes[at] = byte & (0xff << (8 - kept));
  });
  return { ...prefix, bytes };
}

/** A host route to the address. */
export function host(prefix: Prefix): Prefix {
  return { ...prefix, length: prefix.bytes.length * 8 };
}

/** Whether the address of `inner` lies in `outer`. */
export function contains(outer: Prefix, inner: Prefix): boolean {
  if (outer.family !== inner.family) return false;
  const masked = network({ ...inner, length: outer.length });
  return masked.bytes.equals(network(outer).bytes);
}
