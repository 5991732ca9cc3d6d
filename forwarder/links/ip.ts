// SPDX-License-Identifier: Apache-2.0
/** IP addresses and prefixes between NSM's text and the kernel's bytes. */

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
  const slash = text.indexOf('/');
  const address = slash < 0 ? text : text.slice(0, slash);
  const bytes = address.includes(':') ? parse6(address) : parse4(address);
  if (bytes === undefined) return undefined;
  const family = bytes.length === 4 ? families.v4 : families.v6;
  const bits = bytes.length * 8;
  if (slash < 0) return { family, bytes, length: bits };
  const length = text.slice(slash + 1);
  if (!/^\d{1,3}$/.test(length) || Number(length) > bits) return undefined;
  return { family, bytes, length: Number(length) };
}

// By hand: a Request has some twenty of them, and this takes a tenth of a library's time.
function parse4(text: string): Buffer | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  const bytes = Buffer.allocUnsafe(4);
  for (const [at, part] of parts.entries()) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    bytes[at] = Number(part);
  }
  return bytes;
}

function parse6(text: string): Buffer | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half, at) => groups(half, at === halves.length - 1));
  if (head === undefined || (halves.length === 2 && tail === undefined)) return undefined;
  const gap = 16 - head.length - (tail?.length ?? 0);
  if (tail === undefined ? gap !== 0 : gap < 2) return undefined;
  return Buffer.from([...head, ...new Array<number>(gap).fill(0), ...(tail ?? [])]);
}

/** The last group of all may be an IPv4 address. */
function groups(text: string, isEnd: boolean): number[] | undefined {
  if (text === '') return [];
  const bytes: number[] = [];
  const parts = text.split(':');
  for (const [at, part] of parts.entries()) {
    const dotted =
      isEnd && at === parts.length - 1 && part.includes('.') ? parse4(part) : undefined;
    if (dotted !== undefined) bytes.push(...dotted);
    else if (/^[0-9a-fA-F]{1,4}$/.test(part))
      bytes.push(parseInt(part, 16) >> 8, parseInt(part, 16) & 255);
    else return undefined;
  }
  return bytes;
}

/** The one way to write an address (RFC 5952). */
export function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from(
    { length: 8 },
    (_, at) => (bytes[2 * at] ?? 0) * 256 + (bytes[2 * at + 1] ?? 0),
  );
  const [from, length] = longestZeros(groups);
  const hex = groups.map((group) => group.toString(16));
  if (length < 2) return hex.join(':');
  return `${hex.slice(0, from).join(':')}::${hex.slice(from + length).join(':')}`;
}

function longestZeros(groups: readonly number[]): readonly [number, number] {
  let best: readonly [number, number] = [0, 0];
  let start = 0;
  groups.forEach((group, at) => {
    if (group !== 0) start = at + 1;
    else if (at + 1 - start > best[1]) best = [start, at + 1 - start];
  });
  return best;
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
