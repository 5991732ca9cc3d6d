// SPDX-License-Identifier: Apache-2.0
/**
 * Says in the path segment's metrics how good the links of a steered wire are, and
 * that it waits for one where none is left.
 *
 * When: on the way back, with each answer; a Request that the other side refuses while no
 * link is left ends the waiting.
 * Where: below `monitor`, whose events are to carry it, and above `steer`.
 * Leaves: nothing.
 */
import { status } from '@grpc/grpc-js';
import type { Call } from '../../api/chain/call.js';
import type { Step } from '../../api/chain/element.js';
import { withLinkMetrics } from '../../api/elements/link-metrics.js';
import { WireError } from '../../api/errors/wire-error.js';
import type { Reach } from '../steering/reach.js';

/** Nobody has refused anything: there was no time, or no way. */
const unsaid: ReadonlySet<status> = new Set([status.CANCELLED, status.DEADLINE_EXCEEDED]);

/** The element. */
export function linkFigures(reach: Pick<Reach, 'metricsOf' | 'refused'>): Step {
  return {
    kind: 'step',
    name: 'linkFigures',

    async request(call, request, next) {
      try {
        const answer = await next(call, request);
        return withLinkMetrics(answer, reach.metricsOf(answer.id));
      } catch (reason) {
        if (isRefusal(call, reason)) reach.refused(request.connection.id);
        throw reason;
      }
    },

    close: () => Promise.resolve(),
  };
}

function isRefusal(call: Call, reason: unknown): boolean {
  return !call.signal.aborted && reason instanceof WireError && !unsaid.has(reason.code);
}
