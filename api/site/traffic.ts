// SPDX-License-Identifier: Apache-2.0
/** Names of DSCP values and IP protocols, and ranges of ports, as policies write them. */
import type { PortRange } from './types.js';

/** Values of RFC 2474, 2597, 3246, 5865 and 8622. */
const dscpNames: ReadonlyMap<string, number> = new Map([
  ['be', 0],
  ['default', 0],
  ['le', 1],
  ['va', 44],
  ['ef', 46],
  ...[0, 1, 2, 3, 4, 5, 6, 7].map((at) => [`cs${String(at)}`, 8 * at] as const),
  ...[1, 2, 3, 4].flatMap((of) =>
    [1, 2, 3].map((drop) => [`af${String(of)}${String(drop)}`, 8 * of + 2 * drop] as const),
  ),
]);

const protocolNames: ReadonlyMap<string, number> = new Map([
  ['icmp', 1],
  ['igmp', 2],
  ['ipip', 4],
  ['tcp', 6],
  ['udp', 17],
  ['dccp', 33],
  ['ipv6', 41],
  ['gre', 47],
  ['esp', 50],
  ['ah', 51],
  ['icmpv6', 58],
  ['ospf', 89],
  ['pim', 103],
  ['vrrp', 112],
  ['l2tp', 115],
  ['sctp', 132],
  ['udplite', 136],
]);

/** What has ports: TCP, UDP, DCCP, SCTP, UDP-Lite. */
export const protocolsWithPorts: ReadonlySet<number> = new Set([6, 17, 33, 132, 136]);

/** `ef`, or a number from 0 to 63. */
export function parseDscp(text: string | number): number | undefined {
  return dscpNames.get(String(text).toLowerCase()) ?? whole(text, 63);
}

/** `tcp`, or a number from 0 to 255. */
export function parseProtocol(text: string | number): number | undefined {
  return protocolNames.get(String(text).toLowerCase()) ?? whole(text, 255);
}

/** `873`, or `8000-8999`. */
export function parsePorts(text: string | number): PortRange | undefined {
  const [first = '', second, ...more] = String(text).split('-');
  const from = whole(first, 65535);
  const to = second === undefined ? from : whole(second, 65535);
  if (from === undefined || to === undefined || from > to || more.length > 0) return undefined;
  return { from, to };
}

/** `ef`, or the number where the value has no name. */
export function dscpText(value: number): string {
  return nameOf(dscpNames, value);
}

/** `tcp`, or the number where the protocol has no name. */
export function protocolText(value: number): string {
  return nameOf(protocolNames, value);
}

/** `873`, or `8000-8999`. */
export function portsText({ from, to }: PortRange): string {
  return from === to ? String(from) : `${String(from)}-${String(to)}`;
}

function nameOf(names: ReadonlyMap<string, number>, value: number): string {
  for (const [name, one] of names) if (one === value) return name;
  return String(value);
}

function whole(text: string | number, most: number): number | undefined {
  const number = /^\d{1,5}$/.test(String(text)) ? Number(text) : undefined;
  return number !== undefined && number <= most ? number : undefined;
}
