// SPDX-License-Identifier: Apache-2.0
/**
 * The parameters of a VXLAN mechanism: NSM's own, which any forwarder has, and
 * each side's list of links, which only ours have (`node.ts`). A side without a
 * list is a stock peer: one strand between two addresses, port 4789.
 */
import ipaddr from 'ipaddr.js';
import { invalid } from '../../../api/errors/wire-error.js';
import type { Mechanism } from '../../../api/gen/connection.js';
import { keys, parseNode, type TunnelNode } from './node.js';

type Parameters = Readonly<Record<string, string>>;

const mostVni = (1 << 24) - 1;

/** The other side as its parameters tell it; `which` names those that are its own. */
export function peerIn(
  { parameters }: Mechanism,
  which: 'source' | 'destination',
  field: string,
): TunnelNode {
  const node = parseNode(parameters[keys[which]], `${field}.parameters.${keys[which]}`);
  if (node !== undefined) return node;
  const key = keys[`${which}Ip`];
  const text = parameters[key] ?? '';
  const at = `${field}.parameters.${key}`;
  if (!ipaddr.isValid(text)) throw invalid(at, text, 'an IP address');
  const address = ipaddr.parse(text);
  const plain = { name: 'plain', network: '', mtu: largest(parameters, field) + 70 };
  const link =
    address.kind() === 'ipv4'
      ? { ...plain, v4: address.toString() }
      : { ...plain, v6: address.toString() };
  return { name: `stock:${address.toString()}`, site: '', port: 4789, links: [link], stock: true };
}

/** The number both sides use; 0 where there is none yet. */
export function vniIn({ parameters }: Mechanism, field: string): number {
  const text = parameters[keys.vni];
  if (text === undefined || text === '') return 0;
  const vni = Number(text);
  if (/^\d+$/.test(text) && vni > 0 && vni <= mostVni) return vni;
  throw invalid(`${field}.parameters.${keys.vni}`, text, `1 to ${String(mostVni)}`);
}

/** The largest inner packet of the other side's tunnel; as large as can be where it says none. */
export function mtuIn({ parameters }: Mechanism, field: string): number {
  return largest(parameters, field);
}

/** One side's own parameters. */
export function parametersOf(
  node: TunnelNode,
  mtu: number,
  which: 'source' | 'destination',
  text: string,
): Parameters {
  const [link] = node.links;
  return {
    [keys[`${which}Ip`]]: link?.v4 ?? link?.v6 ?? '',
    // A stock peer has its tunnels there; ours read the port in the list.
    [keys[`${which}Port`]]: '4789',
    [keys.mtu]: String(mtu),
    [keys[which]]: text,
  };
}

function largest(parameters: Parameters, field: string): number {
  const text = parameters[keys.mtu];
  if (text === undefined || text === '' || text === '0') return 65_535 - 70;
  const mtu = Number(text);
  if (/^\d+$/.test(text) && mtu >= 68 && mtu <= 65_535) return mtu;
  throw invalid(`${field}.parameters.${keys.mtu}`, text, '68 to 65535');
}
