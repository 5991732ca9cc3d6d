// SPDX-License-Identifier: Apache-2.0
/**
 * Says an MTU where the Request says none, so that every hop behind us can lower it.
 *
 * When: on the way in.
 * Where: before `connect`; the facet `mtu` sets what comes back.
 * Leaves: nothing.
 */
import { contextOf, withContext } from '../../api/chain/connection.js';
import type { Step } from '../../api/chain/element.js';
import { defaultMtu } from '../facets/mtu.js';

/** The element. */
export function mtu(): Step {
  return {
    kind: 'step',
    name: 'mtu',

    request(call, request, next) {
      const { connection } = request;
      if (contextOf(connection).MTU !== 0) return next(call, request);
      const wish = withContext(connection, { MTU: defaultMtu });
      return next(call, { ...request, connection: wish });
    },

    close: () => Promise.resolve(),
  };
}
