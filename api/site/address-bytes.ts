// SPDX-License-Identifier: Apache-2.0
/** Addresses and prefixes as bytes, and back; fast, for policies with thousands of them. */
import ipaddr from 'ipaddr.js';
import { isIPv4, isIPv6 } from 'node:net';

/** Leading bits of an address. */
export interface AddressPrefix {
  /** How many of them count. */
  readonly length: number;
  /** 4 bytes or 16; those behind the length are as they were written. */
  readonly data: Uint8Array;
}

/** The bytes of an address in the usual notation; nothing where it is none, or has a zone. */
export function bytesOf(text: string): Uint8Array | undefined {
  if (isIPv4(text)) return Uint8Array.of(...text.split('.').map(Number));
  if (!isIPv6(text) || text.includes('%')) return undefined;
  const [before = '', after] = text.split('::');
  const head = wordsOf(before);
  const tail = after === undefined ? [] : wordsOf(after);
  const data = new Uint8Array(16);
  for (const [at, word] of head.entries()) data.set([word >> 8, word & 255], 2 * at);
  for (const [at, word] of tail.entries()) {
    data.set([word >> 8, word & 255], 16 - 2 * (tail.length - at));
  }
  return data;
}

function wordsOf(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((part) => {
    if (!part.includes('.')) return [Number.parseInt(part, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = part.split('.').map(Number);
    return [(a << 8) | b, (c << 8) | d];
  });
}

/** A prefix, or an address as the prefix of one host; nothing where it is neither. */
export function prefixOf(text: string): AddressPrefix | undefined {
  const [address = '', length, ...more] = text.split('/');
  const data = bytesOf(address);
  if (data === undefined || more.length > 0) return undefined;
  if (length === undefined) return { length: 8 * data.length, data };
  if (!/^\d{1,3}$/.test(length) || Number(length) > 8 * data.length) return undefined;
  return { length: Number(length), data };
}

/** The prefix with all bits behind its length 0. */
export function cleared({ length, data }: AddressPrefix): AddressPrefix {
  const bytes = data.map((byte, at) => {
    const kept = Math.min(Math.max(length - 8 * at, 0), 8);
    return byte & (0xff00 >> kept);
  });
  return { length, data: bytes };
}

/** The usual text of an address. */
export function addressText(data: Uint8Array): string {
  return data.length === 4 ? data.join('.') : new ipaddr.IPv6([...data]).toString();
}
