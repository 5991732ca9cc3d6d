// SPDX-License-Identifier: Apache-2.0
/**
 * The routes that the endpoint asked for on this side (src_routes at the
 * client, dst_routes at the endpoint).
 *
 * A route without a next hop goes by the first address of its family on the
 * other side, unless it leads to that side itself.
 */
import { invalid } from '../../api/errors/wire-error.js';
import type { Route as ContextRoute } from '../../api/gen/connectioncontext.js';
import type { Route } from '../links/end.js';
import { addressText, contains, host, network, parsePrefix, prefixText } from '../links/ip.js';
import type { Facet, View } from './facet.js';

/** The facet. */
export function gatewayRoutes(): Facet {
  return (view) => ({ routes: view.routes.map((route, at) => resolve(route, at, view)) });
}

function resolve(route: ContextRoute, at: number, { side, opposite }: View): Route {
  const field = `context.ip_context.${side === 'client' ? 'src' : 'dst'}_routes[${String(at)}]`;
  const prefix = parsePrefix(route.prefix);
  if (prefix === undefined) {
    throw invalid(`${field}.prefix`, route.prefix, 'a prefix, such as 10.0.0.0/8');
  }
  const to = prefixText(network(prefix));
  const nextHop = route.nextHop === '' ? undefined : parsePrefix(route.nextHop);
  if (route.nextHop !== '' && (nextHop?.family !== prefix.family || route.nextHop.includes('/'))) {
    throw invalid(`${field}.nextHop`, route.nextHop, `an address of the family of ${to}`);
  }
  if (nextHop === undefined && opposite.some((address) => contains(address, prefix))) return { to };
  const via = nextHop ?? opposite.find(({ family }) => family === prefix.family);
  // A gateway to itself is no gateway.
  return via === undefined || prefixText(host(via)) === to
    ? { to }
    : { to, via: addressText(via.bytes) };
}
