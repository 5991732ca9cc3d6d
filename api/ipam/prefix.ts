// SPDX-License-Identifier: Apache-2.0
/** IP addresses and prefixes as numbers, and their texts. */
import ipaddr from 'ipaddr.js';
import { invalid } from '../errors/wire-error.js';

/** All addresses from `first` to `last`, of one family. */
export interface Range {
  readonly first: bigint;
  readonly last: bigint;
}

/** A range that was written as a prefix. */
export interface Prefix extends Range {
  /** 32 for IPv4, 128 for IPv6. */
  readonly bits: 32 | 128;
}

/** A CIDR (host bits are ignored) or a bare address; INVALID_ARGUMENT naming `field` where it is neither. */
export function parsePrefix(text: string, field: string): Prefix {
  const slash = text.indexOf('/');
  const given = slash < 0 ? undefined : text.slice(slash + 1);
  const parsed = parseAddress(slash < 0 ? text : text.slice(0, slash));
  if (parsed === undefined) throw invalid(field, text, 'an IP prefix such as 172.16.1.0/24');
  const { bits, value } = parsed;
  const length = given === undefined ? bits : Number(given);
  if (!/^\d{1,3}$/.test(given ?? '0') || length > bits) {
    throw invalid(field, text, `a prefix length of 0 to ${String(bits)}`);
  }
  const hosts = (1n << BigInt(bits - length)) - 1n;
  const first = value & ~hosts;
  return { bits, first, last: first | hosts };
}

/** The text of one address, without a length. */
export function formatAddress(value: bigint, bits: 32 | 128): string {
  const hex = value.toString(16).padStart(bits / 4, '0');
  return ipaddr.fromByteArray([...Buffer.from(hex, 'hex')]).toString();
}

/** The text of one address as a host prefix, such as `172.16.1.100/32`. */
export function formatHost(value: bigint, bits: 32 | 128): string {
  return `${formatAddress(value, bits)}/${String(bits)}`;
}

/** Whether `range` lies within `prefix`; families must be the same. */
export function contains(prefix: Prefix, range: Prefix): boolean {
  return prefix.bits === range.bits && prefix.first <= range.first && range.last <= prefix.last;
}

/** Whether two prefixes have an address in common. */
export function overlaps(a: Prefix, b: Prefix): boolean {
  return contains(a, b) || contains(b, a);
}

/** The fewest prefixes that cover exactly these ranges of one family. */
export function prefixesOf(ranges: readonly Range[], bits: 32 | 128): readonly string[] {
  const texts: string[] = [];
  for (const { first, last } of merged(ranges)) {
    let from = first;
    while (from <= last) {
      let hostBits = 0;
      for (let size = 2n; from % size === 0n && from + size - 1n <= last; size *= 2n) hostBits++;
      texts.push(`${formatAddress(from, bits)}/${String(bits - hostBits)}`);
      from += 1n << BigInt(hostBits);
    }
  }
  return texts;
}

/** Sorted and joined, so that no two overlap or touch. */
export function merged(ranges: readonly Range[]): readonly Range[] {
  const result: Range[] = [];
  for (const range of [...ranges].sort((a, b) => (a.first < b.first ? -1 : 1))) {
    const before = result.at(-1);
    if (before === undefined || before.last + 1n < range.first) result.push(range);
    else if (before.last < range.last) {
      result[result.length - 1] = { first: before.first, last: range.last };
    }
  }
  return result;
}

function parseAddress(
  text: string,
): { readonly bits: 32 | 128; readonly value: bigint } | undefined {
  // The library also reads 0x7f.1 and fe80::1%eth0, which no peer means.
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return { bits: 32, value: number(text) };
  if (ipaddr.IPv6.isValid(text) && !text.includes('%')) return { bits: 128, value: number(text) };
  return undefined;
}

function number(text: string): bigint {
  return BigInt(`0x${Buffer.from(ipaddr.parse(text).toByteArray()).toString('hex')}`);
}
