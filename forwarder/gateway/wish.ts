// SPDX-License-Identifier: Apache-2.0
/**
 * What a gateway endpoint wants of its node, as it says it to its forwarder: the
 * parameter `wanwire.gateway` of its KERNEL mechanism, JSON. Read strictly: it
 * decides about a node's traffic.
 */
import { z } from 'zod';
import { invalid } from '../../api/errors/wire-error.js';
import { network, parsePrefix, prefixText } from '../links/ip.js';

/** The mechanism parameter's name. */
export const gatewayParameter = 'wanwire.gateway';

/** All lists are sorted, canonical and without doubles. */
export interface GatewayWish {
  /** Addresses of clients: forwarded. */
  readonly prefixes: readonly string[];
  /** Clients appear with this node's address, except to each other. */
  readonly nat: boolean;
  /** What clients were told they reach; not enforced. */
  readonly routes: readonly string[];
}

/** More is no gateway's. */
const most = 256;

const shape = z.strictObject({
  prefixes: z.array(z.string()).min(1).max(most),
  nat: z.boolean().default(false),
  routes: z.array(z.string()).max(most).default([]),
});

const isWish =
  'JSON such as {"prefixes": ["172.16.0.0/16"], "nat": true, "routes": ["10.60.0.0/16"]}';
const isPrefix = 'a prefix such as 172.16.0.0/16 or fd00::/64, and not one of all addresses';

/** Read the parameter; INVALID_ARGUMENT names the field, its value and what would be right. */
export function parseGatewayWish(text: string): GatewayWish {
  const { prefixes, nat, routes } = read(text);
  return {
    prefixes: canonical(prefixes, 'prefixes', 1),
    nat,
    routes: canonical(routes, 'routes', 0),
  };
}

/** The parameter's text; what is equal has one text. */
export function formatGatewayWish({ prefixes, nat, routes }: GatewayWish): string {
  return JSON.stringify({ prefixes, nat, routes });
}

function read(text: string): z.infer<typeof shape> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw invalid(gatewayParameter, text, isWish);
  }
  const { success, data, error } = shape.safeParse(json);
  if (success) return data;
  const [issue] = error.issues;
  const field = [gatewayParameter, ...(issue?.path ?? [])].map(String).join('.');
  throw invalid(field, text, `${isWish} (${issue?.message ?? 'not so'})`);
}

function canonical(texts: readonly string[], field: string, shortest: number): readonly string[] {
  const all = texts.map((text, at) => {
    const prefix = text.includes('/') ? parsePrefix(text) : undefined;
    if (prefix === undefined || prefix.length < shortest) {
      const wanted = shortest > 0 ? isPrefix : 'a prefix such as 10.60.0.0/16 or ::/0';
      throw invalid(`${gatewayParameter}.${field}[${String(at)}]`, text, wanted);
    }
    return prefixText(network(prefix));
  });
  return [...new Set(all)].sort();
}
