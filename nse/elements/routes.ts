// SPDX-License-Identifier: Apache-2.0
/**
 * Gives each client routes towards this endpoint.
 *
 * When: on the way in; a prefix that is there already is not added twice.
 * Where: anywhere in an endpoint's chain.
 * Leaves: nothing; the client's forwarder sets the routes and removes them.
 */
import { ipOf, withIp } from '../../api/chain/connection.js';
import type { Step } from '../../api/chain/element.js';
import { parsePrefix } from '../../api/env/cidr.js';

/** The element; the next hop is the endpoint's address of the prefix's family. */
export function routes(prefixes: readonly string[]): Step {
  const wanted = prefixes.map(parsePrefix);
  return {
    kind: 'step',
    name: 'routes',

    request(call, request, next) {
      const { srcRoutes } = ipOf(request.connection);
      const known = new Set(srcRoutes.map((route) => route.prefix));
      const added = wanted
        .filter((prefix) => !known.has(prefix))
        .map((prefix) => ({ prefix, nextHop: '' }));
      if (added.length === 0) return next(call, request);
      const connection = withIp(request.connection, { srcRoutes: [...srcRoutes, ...added] });
      return next(call, { ...request, connection });
    },

    close: () => Promise.resolve(),
  };
}
