// SPDX-License-Identifier: Apache-2.0
/**
 * Notes how long this hop and all behind it took, in its path segment's metrics.
 *
 * When: on the way back, each Request.
 * Where: below `monitor`, whose events are to carry it; below `updatePath`, which moves the index.
 * Leaves behind: nothing.
 */
import type { Step } from '../chain/element.js';
import { ownSegment, withSegment } from '../chain/connection.js';

/** The metric's key: milliseconds in decimal, such as `3.142`. */
export const requestMs = 'request_ms';

/** Writes {@link requestMs} into the own segment of the answered Connection. */
export function hopTime(): Step {
  return {
    kind: 'step',
    name: 'hopTime',

    async request(call, request, next) {
      const start = performance.now();
      const answer = await next(call, request);
      const index = answer.path?.index ?? 0;
      const took = (performance.now() - start).toFixed(3);
      const metrics = { ...ownSegment(answer).metrics, [requestMs]: took };
      return withSegment(answer, index, { metrics });
    },

    close: () => Promise.resolve(),
  };
}
