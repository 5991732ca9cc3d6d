// SPDX-License-Identifier: Apache-2.0
/**
 * Cuts the path after this hop, where the wire ends.
 *
 * When: on the way in.
 * Where: in an endpoint only, after `begin`; a hop that goes on needs the
 * segments that follow.
 * Leaves: nothing.
 */
import { pathOf } from '../chain/connection.js';
import type { Step } from '../chain/element.js';

/** The element. */
export function trimPath(): Step {
  return {
    kind: 'step',
    name: 'trimPath',

    request(call, request, next) {
      const path = pathOf(request.connection);
      const pathSegments = path.pathSegments.slice(0, path.index + 1);
      const connection = { ...request.connection, path: { ...path, pathSegments } };
      return next(call, { ...request, connection });
    },

    close: () => Promise.resolve(),
  };
}
