// SPDX-License-Identifier: Apache-2.0
/** Addresses, prefixes and `host:port` as a site's files write them, in their usual spelling. */
import { isIPv6 } from 'node:net';
import { addressText, bytesOf, cleared, prefixOf } from './address-bytes.js';

/** An address that a device or a next hop can have. */
export interface HostAddress {
  readonly text: string;
  readonly family: 4 | 6;
  readonly linkLocal: boolean;
}

/** An address of one host, without a length: not unspecified, loopback, multicast or broadcast. */
export function hostAddress(text: string): HostAddress | undefined {
  const data = bytesOf(text);
  if (data === undefined) return undefined;
  const [first = 0, second = 0] = data;
  const usual = { text: addressText(data) };
  if (data.length === 4) {
    if (first === 0 || first === 127 || first >= 224) return undefined;
    return { ...usual, family: 4, linkLocal: first === 169 && second === 254 };
  }
  const noHost = data.subarray(0, 15).every((byte) => byte === 0) && (data[15] ?? 0) <= 1;
  if (noHost || first === 0xff || isMapped(data)) return undefined;
  return { ...usual, family: 6, linkLocal: first === 0xfe && second >> 6 === 2 };
}

/**
 * A prefix, or an address as the prefix of one host. Throws with what would be
 * right where there are bits beyond the length: 10.60.1.0/16 is mostly a slip.
 */
export function canonicalPrefix(text: string): string | undefined {
  const found = prefixOf(text);
  if (found === undefined || isMapped(found.data)) return undefined;
  const { length, data } = cleared(found);
  const right = `${addressText(data)}/${String(length)}`;
  if (data.some((byte, at) => byte !== found.data[at])) {
    throw new Error(`a prefix without bits beyond its length: ${right}`);
  }
  return right;
}

/** Whether a canonical prefix is of IPv6. */
export function isPrefix6(prefix: string): boolean {
  return prefix.includes(':');
}

/** `203.0.113.10:5001`, `[2001:db8::1]:5001`; with `names` also `host.example:5001`. */
export function hostPort(text: string, names: 'names' | 'addresses'): string | undefined {
  const found = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const [, six, host = '', port] = found ?? [];
  const number = Number(port);
  if (found === null || number < 1 || number > 65535) return undefined;
  const data = bytesOf(six ?? host);
  if (six !== undefined) {
    if (data === undefined || !isIPv6(six)) return undefined;
    return `[${addressText(data)}]:${String(number)}`;
  }
  if (data !== undefined) return `${addressText(data)}:${String(number)}`;
  // Of a name the last part has a letter: 10.0.0.256 is an address with a mistake.
  const name =
    /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*(?=[a-z0-9-]*[a-z])[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i;
  if (names === 'addresses' || !name.test(host)) return undefined;
  return `${host.toLowerCase()}:${String(number)}`;
}

function isMapped(data: Uint8Array): boolean {
  return (
    data.length === 16 &&
    data.subarray(0, 10).every((byte) => byte === 0) &&
    data[10] === 0xff &&
    data[11] === 0xff
  );
}
