// SPDX-License-Identifier: Apache-2.0
/** What two forwarders tell each other of their links, as an extra parameter of the VXLAN mechanism that others ignore. */
import ipaddr from 'ipaddr.js';
import { z } from 'zod';
import { invalid } from '../../../api/errors/wire-error.js';

/** Mechanism parameters: NSM's own names, and ours. */
export const keys = {
  sourceIp: 'src_ip',
  sourcePort: 'src_port',
  destinationIp: 'dst_ip',
  destinationPort: 'dst_port',
  vni: 'vni',
  /** Of the tunnel: the largest inner packet. */
  mtu: 'MTU',
  /** {@link TunnelNode} of the client's forwarder. */
  source: 'wanwire.src',
  /** {@link TunnelNode} of the endpoint's forwarder. */
  destination: 'wanwire.dst',
} as const;

/** One link as another forwarder sees it. */
export interface TunnelLink {
  readonly name: string;
  readonly network: string;
  /** Outer addresses. */
  readonly v4?: string | undefined;
  readonly v6?: string | undefined;
  /** Of outer packets. */
  readonly mtu: number;
}

/** A forwarder that has strands. */
export interface TunnelNode {
  readonly name: string;
  readonly site: string;
  /** UDP port of its tunnels. */
  readonly port: number;
  readonly links: readonly TunnelLink[];
  /** No strand list came: one tunnel with NSM's plain semantics. */
  readonly stock?: boolean | undefined;
}

const mostLinks = 16;
const word = z.string().min(1).max(63);
const address = (kind: 'ipv4' | 'ipv6') =>
  z
    .string()
    .refine((text) => ipaddr.isValid(text) && ipaddr.parse(text).kind() === kind, `want an ${kind}`)
    .transform((text) => ipaddr.parse(text).toString())
    .optional();

const schema = z.object({
  name: z.string().min(1).max(200),
  site: z.string().max(200),
  port: z.number().int().min(1).max(65_535),
  links: z
    .array(
      z.object({
        name: word,
        network: word,
        v4: address('ipv4'),
        v6: address('ipv6'),
        mtu: z.number().int().min(68).max(65_535),
      }),
    )
    .max(mostLinks),
});

/** The node that a peer tells of; nothing where it tells of none. */
export function parseNode(text: string | undefined, field: string): TunnelNode | undefined {
  if (text === undefined) return undefined;
  const parsed = schema.safeParse(json(text, field));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const at = [field, ...(issue?.path ?? [])].map(String).join('.');
  throw invalid(at, text, `a node with its links (${issue?.message ?? ''})`);
}

/** The text of a node for {@link parseNode}. */
export function formatNode({ name, site, port, links }: TunnelNode): string {
  return JSON.stringify({ name, site, port, links });
}

function json(text: string, field: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalid(field, text, 'JSON');
  }
}
