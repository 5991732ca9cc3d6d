// SPDX-License-Identifier: Apache-2.0
/** Whether a described session fits a rule, and if not, for which reason. */
import { spiffePattern } from '../../api/identity/spiffe-id.js';
import { prefixOf } from '../../api/site/address-bytes.js';
import { dscpText, portsText, protocolsWithPorts, protocolText } from '../../api/site/traffic.js';
import type { PortRange, RuleMatch } from '../../api/site/types.js';

/** A session as far as somebody described it. */
export interface Described {
  readonly dscp: number;
  readonly protocol: number;
  /** Addresses as they were typed. */
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly fromPort: number | undefined;
  readonly toPort: number | undefined;
  readonly labels: Readonly<Record<string, string>>;
  /** SPIFFE ID of the client. */
  readonly identity?: string | undefined;
}

/** The first criterion that the session does not fit, in words; nothing where it fits all. */
export function whyNot(match: RuleMatch, session: Described): string | undefined {
  const { dscp, protocol, labels } = session;
  if (match.protocols.length > 0 && !match.protocols.includes(protocol)) {
    return `${protocolText(protocol)} is not ${match.protocols.map(protocolText).join(' or ')}`;
  }
  if (match.dscp.length > 0 && !match.dscp.includes(dscp)) {
    return `dscp ${dscpText(dscp)} is not ${match.dscp.map(dscpText).join(' or ')}`;
  }
  for (const [name, wanted] of Object.entries(match.clientLabels)) {
    if (!Object.hasOwn(labels, name)) return `the client has no label ${name}=${wanted}`;
    if (labels[name] !== wanted) return `${name}=${labels[name] ?? ''} is not ${name}=${wanted}`;
  }
  return (
    whyNotIdentity(match.identities, session.identity) ??
    whyNotAddress('from', match.sources, session.from) ??
    whyNotPort('from', match.sourcePorts, session.fromPort, protocol) ??
    whyNotAddress('to', match.destinations, session.to) ??
    whyNotPort('to', match.destinationPorts, session.toPort, protocol)
  );
}

function whyNotIdentity(
  patterns: readonly string[],
  identity: string | undefined,
): string | undefined {
  if (patterns.length === 0) return undefined;
  const wanted = patterns.join(' or ');
  if (identity === undefined) return `asks for a client that is ${wanted} (--identity)`;
  if (patterns.some((one) => spiffePattern(one).matches(identity))) return undefined;
  return `the client is ${identity}, not ${wanted}`;
}

function whyNotAddress(
  way: 'from' | 'to',
  prefixes: readonly string[],
  address: string | undefined,
): string | undefined {
  if (prefixes.length === 0) return undefined;
  const wanted = prefixes.join(' or ');
  if (address === undefined) return `asks for an address ${way} ${wanted} (--${way})`;
  if (prefixes.some((prefix) => isIn(address, prefix))) return undefined;
  return `${address} is not in ${wanted}`;
}

function whyNotPort(
  way: 'from' | 'to',
  ranges: readonly PortRange[],
  port: number | undefined,
  protocol: number,
): string | undefined {
  if (ranges.length === 0) return undefined;
  const wanted = ranges.map(portsText).join(' or ');
  if (!protocolsWithPorts.has(protocol)) return `${protocolText(protocol)} has no ports`;
  if (port === undefined) return `asks for a port ${way} ${wanted} (--${way}-port)`;
  if (ranges.some(({ from, to }) => from <= port && port <= to)) return undefined;
  return `port ${String(port)} is not ${wanted}`;
}

function isIn(address: string, prefix: string): boolean {
  const of = prefixOf(address)?.data;
  const wanted = prefixOf(prefix);
  if (of === undefined || wanted === undefined || of.length !== wanted.data.length) return false;
  const { length, data } = wanted;
  return data.every((byte, at) => {
    const kept = Math.min(Math.max(length - 8 * at, 0), 8);
    return (((of[at] ?? 0) ^ byte) & (0xff00 >> kept) & 0xff) === 0;
  });
}
