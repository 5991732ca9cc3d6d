// SPDX-License-Identifier: Apache-2.0
/**
 * A packet as an operator writes it: `tcp 172.16.0.3:40000 > 10.60.0.9:8000 dscp ef app=sip`.
 * Protocol, source, destination; then, in any order, its DSCP and labels of the client.
 */
import { isIP } from 'node:net';
import { invalid } from '../../api/errors/wire-error.js';
import { parseDscp, protocolsWithPorts, protocolText } from '../../api/site/traffic.js';
import { flowText, parseFlow, type FlowKey, type FlowText } from '../../forwarder/operator/flow.js';

/** See the head of this file. */
export interface Packet {
  readonly flow: FlowKey;
  /** The same as it is written everywhere. */
  readonly text: FlowText;
  readonly family: 4 | 6;
  readonly dscp: number;
  /** Of the wire's client: they tell wires apart. */
  readonly labels: Readonly<Record<string, string>>;
  /** The source port, where none was given and this one stands for all. */
  readonly assumedPort: number | undefined;
}

/** The first of those that clients take without asking (RFC 6335). */
const example = 49152;
const arrows: ReadonlySet<string> = new Set(['>', '->', 'to']);
const want = 'such as "tcp 172.16.0.3:40000 > 10.60.0.9:8000 dscp ef app=sip"';
/** IPv6 headers that another one follows: a packet's protocol is what stands behind them. */
const extensions: ReadonlySet<number> = new Set([0, 43, 44, 51, 60]);

/** Understand it; INVALID_ARGUMENT says which part is wrong. */
export function parsePacket(text: string): Packet {
  const [protocol = '', source = '', arrow = '', destination = '', ...rest] = text
    .trim()
    .split(/\s+/);
  if (!arrows.has(arrow) || destination === '') throw invalid('packet', text, want);
  const bare = hasPorts(protocol) && isBare(source);
  const given = bare ? `${bracketed(source)}:${String(example)}` : source;
  const flow = parseFlow({ protocol, source: given, destination });
  const family = flow.source.subarray(0, 12).some((byte, at) => byte !== (at < 10 ? 0 : 255))
    ? 6
    : 4;
  checkFamily(flow.protocol, family, protocol);
  const { dscp, labels } = more(rest);
  const assumedPort = bare ? example : undefined;
  return { flow, text: flowText(flow), family, dscp, labels, assumedPort };
}

function hasPorts(protocol: string): boolean {
  return [...protocolsWithPorts].some((one) =>
    [String(one), protocolText(one)].includes(protocol.toLowerCase()),
  );
}

/** An address and nothing else. */
function isBare(end: string): boolean {
  return isIP(end) !== 0 || /^\[[^\]]*\]$/.test(end);
}

function bracketed(end: string): string {
  return end.startsWith('[') || !end.includes(':') ? end : `[${end}]`;
}

function checkFamily(protocol: number, family: 4 | 6, text: string): void {
  if (protocol === 1 && family === 6) throw invalid('protocol', text, 'icmpv6 for IPv6');
  if (protocol === 58 && family === 4) throw invalid('protocol', text, 'icmp for IPv4');
  if (family === 6 && extensions.has(protocol)) {
    throw invalid('protocol', text, 'what stands behind the IPv6 headers, such as tcp');
  }
}

function more(words: readonly string[]) {
  const labels: Record<string, string> = {};
  let dscp = 0;
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    const [, name, value] = /^([^=]+)=(.*)$/.exec(word) ?? [];
    if (word.toLowerCase() === 'dscp' || name?.toLowerCase() === 'dscp') {
      dscp = dscpOf(value ?? words[++at] ?? '');
    } else if (name !== undefined) labels[name] = value ?? '';
    else throw invalid('packet', word, 'dscp VALUE, or a label of the client such as app=sip');
  }
  return { dscp, labels };
}

function dscpOf(text: string): number {
  const found = parseDscp(text);
  if (found !== undefined) return found;
  throw invalid('dscp', text, 'ef, af11 to af43, cs0 to cs7, be, le, va or 0 to 63');
}
