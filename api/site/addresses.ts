// SPDX-License-Identifier: Apache-2.0
/** Addresses, prefixes and `host:port` as a site's files write them, in their usual spelling. */
import { formatAddress, parsePrefix } from '../ipam/prefix.js';

/** An address that a device or a next hop can have. */
export interface HostAddress {
  readonly text: string;
  readonly family: 4 | 6;
  readonly linkLocal: boolean;
}

/** An address of one host, without a length: not unspecified, loopback, multicast or broadcast. */
export function hostAddress(text: string): HostAddress | undefined {
  if (text.includes('/')) return undefined;
  const found = read(text);
  if (found === undefined) return undefined;
  const { bits, first } = found;
  const linkLocal = bits === 32 ? first >> 16n === 0xa9fen : first >> 118n === 0x3fan;
  if (bits === 32) {
    const net = first >> 24n;
    if (net === 0n || net === 127n || net >= 224n) return undefined;
  } else if (first <= 1n || first >> 120n === 0xffn || isMapped(first)) {
    return undefined;
  }
  return { text: formatAddress(first, bits), family: bits === 32 ? 4 : 6, linkLocal };
}

/**
 * A prefix, or an address as the prefix of one host. Throws with what would be
 * right where there are bits beyond the length: 10.60.1.0/16 is mostly a slip.
 */
export function canonicalPrefix(text: string): string | undefined {
  const found = read(text);
  if (found === undefined || (found.bits === 128 && isMapped(found.first))) return undefined;
  const { bits, first, last } = found;
  const address = read(text.slice(0, (text.indexOf('/') + 1 || text.length + 1) - 1));
  const length = bits - (last - first + 1n).toString(2).length + 1;
  const right = `${formatAddress(first, bits)}/${String(length)}`;
  if (address?.first !== first) {
    throw new Error(`a prefix without bits beyond its length: ${right}`);
  }
  return right;
}

/** Whether a canonical prefix is of IPv6. */
export function isIPv6(prefix: string): boolean {
  return prefix.includes(':');
}

/** `203.0.113.10:5001`, `[2001:db8::1]:5001`; with `names` also `host.example:5001`. */
export function hostPort(text: string, names: 'names' | 'addresses'): string | undefined {
  const found = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const [, six, four = '', port] = found ?? [];
  const number = Number(port);
  if (found === null || number < 1 || number > 65535) return undefined;
  const address = read(six ?? four);
  if ((six ?? four).includes('/')) return undefined;
  if (six !== undefined) {
    if (address?.bits !== 128) return undefined;
    return `[${formatAddress(address.first, 128)}]:${String(number)}`;
  }
  if (address !== undefined) return `${four}:${String(number)}`;
  // What ends in digits is an address with a mistake.
  const name = /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9-]*[a-z][a-z0-9-]*$/i;
  return names === 'names' && name.test(four)
    ? `${four.toLowerCase()}:${String(number)}`
    : undefined;
}

function isMapped(value: bigint): boolean {
  return value >> 32n === 0xffffn;
}

function read(text: string): ReturnType<typeof parsePrefix> | undefined {
  try {
    return parsePrefix(text, '');
  } catch {
    return undefined;
  }
}
