// SPDX-License-Identifier: Apache-2.0
/**
 * What a policy means, read rule by rule: the oracle for its tables and for the
 * BPF program. It shares no code with either and is not fast.
 */
import type { RuleMatch, SteeringPolicy } from '../../api/site/types.js';

/** A packet, as far as a policy can tell it from others. */
export interface ModelPacket {
  /** 4 or 16 bytes; both of one family. */
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly protocol: number;
  readonly dscp: number;
  /** None in protocols that have none, and in a fragment that comes before its first. */
  readonly ports: { readonly source: number; readonly destination: number } | undefined;
}

/** What a policy says of a packet. */
export interface Verdict {
  /** Nothing where no rule fits. */
  readonly rule: string | undefined;
  readonly class: string;
}

/** The first rule that fits a packet of a client with these labels, and its class. */
export function classify(
  policy: SteeringPolicy,
  packet: ModelPacket,
  labels: Readonly<Record<string, string>>,
  identity?: string,
): Verdict {
  for (const rule of policy.rules) {
    if (fits(rule.match, packet, labels, identity)) return { rule: rule.name, class: rule.class };
  }
  return { rule: undefined, class: policy.default };
}

function fits(
  match: RuleMatch,
  packet: ModelPacket,
  labels: Readonly<Record<string, string>>,
  identity: string | undefined,
): boolean {
  if (match.dscp.length > 0 && !match.dscp.includes(packet.dscp)) return false;
  if (match.protocols.length > 0 && !match.protocols.includes(packet.protocol)) return false;
  for (const [ranges, port] of [
    [match.sourcePorts, packet.ports?.source],
    [match.destinationPorts, packet.ports?.destination],
  ] as const) {
    if (ranges.length === 0) continue;
    if (port === undefined) return false;
    if (!ranges.some(({ from, to }) => from <= port && port <= to)) return false;
  }
  for (const [prefixes, address] of [
    [match.sources, packet.source],
    [match.destinations, packet.destination],
  ] as const) {
    if (prefixes.length > 0 && !prefixes.some((prefix) => begins(address, prefix))) return false;
  }
  for (const name in match.clientLabels) {
    if (labels[name] !== match.clientLabels[name]) return false;
  }
  const { identities } = match;
  if (identities.length > 0 && !identities.some((one) => isThat(identity, one))) return false;
  return true;
}

const read = new Map<string, { readonly bytes: readonly number[]; readonly length: number }>();

/** Whether an address begins as a prefix says, bit by bit. */
function begins(address: Uint8Array, text: string): boolean {
  let prefix = read.get(text);
  if (prefix === undefined) {
    const [start = '', length] = text.split('/');
    prefix = { bytes: addressBytes(start), length: Number(length) };
    read.set(text, prefix);
  }
  if (prefix.bytes.length !== address.length) return false;
  for (let bit = 0; bit < prefix.length; bit++) {
    const place = 0x80 >> (bit % 8);
    const at = Math.floor(bit / 8);
    if (((prefix.bytes[at] ?? 0) & place) !== ((address[at] ?? 0) & place)) return false;
  }
  return true;
}

/** The bytes of an address. */
export function addressBytes(text: string): readonly number[] {
  if (!text.includes(':')) return text.split('.').map(Number);
  const [head = '', tail] = text.split('::');
  const words = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((word) => Number.parseInt(word, 16));
  const before = words(head);
  const after = words(tail ?? '');
  const zeros = new Array<number>(8 - before.length - after.length).fill(0);
  return [...before, ...zeros, ...after].flatMap((word) => [word >> 8, word & 255]);
}

/** Character by character; `/**` at the end is everything beneath, `*` any but a slash. */
function isThat(identity: string | undefined, pattern: string): boolean {
  if (identity === undefined) return false;
  if (pattern === '/**') return identity.length > 1 && identity.startsWith('/');
  if (pattern === '') return identity === '';
  const [first] = pattern;
  if (first !== '*') return identity[0] === first && isThat(identity.slice(1), pattern.slice(1));
  if (isThat(identity, pattern.slice(1))) return true;
  return identity !== '' && !identity.startsWith('/') && isThat(identity.slice(1), pattern);
}
