// SPDX-License-Identifier: Apache-2.0
/**
 * Sends every connection to one fixed next hop.
 *
 * When: on the way in, and on Close too.
 * Where: after `begin` (it writes into the connection's state), before
 * `filterMechanisms`, `follow`, `heal` and `remote`, which read it.
 * Leaves: nothing.
 */
import type { Step } from '../chain/element.js';
import { nextHop } from './next-hop.js';

/** The element; `url` as in `NSM_CONNECT_TO`. */
export function clientUrl(url: string): Step {
  return {
    kind: 'step',
    name: 'clientUrl',

    request(call, request, next) {
      call.state.set(nextHop, url);
      return next(call, request);
    },

    // An adopted connection was never requested in this life of the process.
    close(call) {
      call.state.set(nextHop, url);
      return Promise.resolve();
    },
  };
}
