// SPDX-License-Identifier: Apache-2.0
/** A session as an operator writes it: protocol, source, destination. As this node sends it. */
import { isIPv4, isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';
import { invalid } from '../../api/errors/wire-error.js';
import { parseProtocol, protocolsWithPorts, protocolText } from '../../api/site/traffic.js';

/** See the head of this file. */
export interface FlowText {
  /** `tcp`, or a number. */
  readonly protocol: string;
  /** `172.16.0.1:40000`, `[fd00::1]:40000`; without a port where the protocol has none. */
  readonly source: string;
  readonly destination: string;
}

/** The same as the data plane has it; addresses of 16 bytes, ports in network byte order. */
export interface FlowKey {
  readonly protocol: number;
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly source_port: Uint8Array;
  readonly destination_port: Uint8Array;
}

/** ICMP and ICMPv6: an echo's id stands for both ports. */
const echo: ReadonlySet<number> = new Set([1, 58]);

/** Understand a session's text; INVALID_ARGUMENT says which part is wrong. */
export function parseFlow(flow: FlowText): FlowKey {
  const protocol = parseProtocol(flow.protocol);
  if (protocol === undefined) {
    throw invalid('protocol', flow.protocol, 'tcp, udp, icmp, icmpv6, sctp or 0 to 255');
  }
  const ends = (['source', 'destination'] as const).map((field) => parseEnd(field, flow[field]));
  const [source, destination] = ends as [End, End];
  if (source.family !== destination.family) {
    const want = `an IPv${String(source.family)} address, as the source is`;
    throw invalid('destination', flow.destination, want);
  }
  const [sourcePort, destinationPort] = portsOf(protocol, flow, source, destination);
  return {
    protocol,
    source: source.address,
    destination: destination.address,
    source_port: portBytes(sourcePort),
    destination_port: portBytes(destinationPort),
  };
}

/** The text of a session. {@link parseFlow} understands it. */
export function flowText(flow: FlowKey): FlowText {
  const [source, destination] = [portNumber(flow.source_port), portNumber(flow.destination_port)];
  return {
    protocol: protocolText(flow.protocol),
    source: endText(addressText(flow.source), source),
    destination: endText(addressText(flow.destination), destination),
  };
}

/** An address of 4 or 16 bytes as people write it (RFC 5952); a mapped one is IPv4. */
export function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  if (isMapped(bytes)) return bytes.subarray(12).join('.');
  const groups = Array.from({ length: 8 }, (_, at) => portNumber(bytes.subarray(2 * at)));
  const { from, length } = longestZeros(groups);
  const hex = (some: readonly number[]): string => some.map((one) => one.toString(16)).join(':');
  if (length < 2) return hex(groups);
  return `${hex(groups.slice(0, from))}::${hex(groups.slice(from + length))}`;
}

function isMapped(bytes: Uint8Array): boolean {
  for (let at = 0; at < 10; at++) if (bytes[at] !== 0) return false;
  return bytes[10] === 0xff && bytes[11] === 0xff;
}

/** The first of the longest runs. */
function longestZeros(groups: readonly number[]): { from: number; length: number } {
  let [from, length, start] = [0, 0, -1];
  for (const [at, group] of groups.entries()) {
    if (group !== 0) start = -1;
    else if (start < 0) start = at;
    if (start >= 0 && at - start + 1 > length) [from, length] = [start, at - start + 1];
  }
  return { from, length };
}

/** A port in network byte order. */
export function portNumber(bytes: Uint8Array): number {
  return ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0);
}

/** `10.0.0.1:80`, `[fd00::1]:80`; port 0 is none. */
export function endText(address: string, port: number): string {
  if (port === 0) return address;
  return address.includes(':') ? `[${address}]:${String(port)}` : `${address}:${String(port)}`;
}

interface End {
  readonly address: Uint8Array;
  readonly family: 4 | 6;
  readonly port: number | undefined;
}

function parseEnd(field: string, text: string): End {
  const want = 'an address such as 172.16.0.1:40000 or [fd00::1]:40000';
  const bracketed = /^\[([^\]]*)\](?::(\d{1,5}))?$/.exec(text);
  const plain = isIPv6(text) ? [text, text] : /^([^:]*)(?::(\d{1,5}))?$/.exec(text);
  const [, host = '', portText] = bracketed ?? plain ?? [];
  const right = bracketed === null ? isIPv4(host) || isIPv6(host) : isIPv6(host);
  if (!right || host.includes('%')) throw invalid(field, text, want);
  const port = portText === undefined ? undefined : Number(portText);
  if (port !== undefined && (port < 1 || port > 65_535)) {
    throw invalid(field, text, `${want}, with a port from 1 to 65535`);
  }
  const address = ipaddr.process(host);
  const wide = address instanceof ipaddr.IPv4 ? address.toIPv4MappedAddress() : address;
  const family = address instanceof ipaddr.IPv4 ? 4 : 6;
  return { address: Uint8Array.from(wide.toByteArray()), family, port };
}

function portsOf(protocol: number, flow: FlowText, { port: from }: End, { port: to }: End) {
  const name = protocolText(protocol);
  if (protocolsWithPorts.has(protocol)) {
    if (from === undefined) throw invalid('source', flow.source, `a port too: ${name} has ports`);
    if (to === undefined) {
      throw invalid('destination', flow.destination, `a port too: ${name} has ports`);
    }
    return [from, to] as const;
  }
  if (!echo.has(protocol)) {
    if (from !== undefined) throw invalid('source', flow.source, `no port: ${name} has none`);
    if (to !== undefined) {
      throw invalid('destination', flow.destination, `no port: ${name} has none`);
    }
    return [0, 0] as const;
  }
  if (from !== undefined && to !== undefined && from !== to) {
    throw invalid('destination', flow.destination, "the echo's id, the same as in the source");
  }
  const id = from ?? to ?? 0;
  return [id, id] as const;
}

function portBytes(port: number): Uint8Array {
  return Uint8Array.of(port >> 8, port & 0xff);
}
