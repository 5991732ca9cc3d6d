// SPDX-License-Identifier: Apache-2.0
/**
 * Sends the Request again before any token of the path expires.
 *
 * When: on the way back sets a timer; it fires a Request from the top of the chain.
 * Where: in a client that owns its connections (not in a proxy), after `begin`.
 * Leaves: nothing.
 */
import type { Call } from '../chain/call.js';
import { pathOf, timestampMs } from '../chain/connection.js';
import type { Step } from '../chain/element.js';
import { stateKey } from '../chain/state.js';
import type { Timer } from '../chain/clock.js';
import type { Connection } from '../gen/connection.js';

/** After a failure, and the least time between two refreshes. */
const retryMs = 200;

const timerKey = stateKey<Timer>('refresh');

/** The element. A failed refresh is repeated every 200 ms until one succeeds or the connection is closed. */
export function refresh(): Step {
  return {
    kind: 'step',
    name: 'refresh',

    async request(call, request, next) {
      const answer = await next(call, request);
      const dueMs = refreshAfter(answer, call.clock.now());
      if (dueMs !== undefined) arm(call, Math.max(dueMs, retryMs));
      return answer;
    },

    close(call) {
      call.state.delete(timerKey);
      return Promise.resolve();
    },
  };
}

/** Milliseconds until the next refresh, by the first token to expire; nothing where none does. */
export function refreshAfter(connection: Connection, nowMs: number): number | undefined {
  const { index, pathSegments } = pathOf(connection);
  const left = pathSegments.flatMap(({ expires }) =>
    expires === undefined ? [] : [timestampMs(expires) - nowMs],
  );
  if (left.length === 0) return undefined;
  // Hops nearer to the client refresh earlier, so that its Request refreshes theirs.
  const scale = pathSegments.length > 1 ? 0.2 + (0.2 * index) / pathSegments.length : 1 / 3;
  return Math.min(...left) * scale;
}

function arm(call: Call, afterMs: number): void {
  const { again, log, clock, state } = call;
  const timer = clock.after(afterMs, () => {
    again.request().catch((reason: unknown) => {
      log.info({ err: reason }, 'refresh failed: trying again');
      // A Request that succeeded since has set the timer itself.
      if (state.get(timerKey) === timer) arm(call, retryMs);
    });
  });
  state.set(timerKey, timer);
}
