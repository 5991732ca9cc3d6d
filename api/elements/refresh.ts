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

/** After the first failure, and the least time between two refreshes. */
const retryMs = 200;
/** After many: a mesh that is too busy to answer is not made busier by all of its clients. */
const longestRetryMs = 5_000;

const timerKey = stateKey<Timer>('refresh');

/**
 * The element. A failed refresh is repeated until one succeeds or the connection is closed: after
 * 200 ms, then after twice as long each time, up to 5 s and to a twentieth of what it waited at first.
 */
export function refresh(): Step {
  return {
    kind: 'step',
    name: 'refresh',

    async request(call, request, next) {
      const answer = await next(call, request);
      const dueMs = refreshAfter(answer, call.clock.now());
      if (dueMs !== undefined) arm(call, Math.max(dueMs, retryMs), pauses(dueMs));
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

/** Between one failure and the next attempt. */
function* pauses(dueMs: number): Generator<number, never> {
  const longestMs = Math.min(Math.max(dueMs / 20, retryMs), longestRetryMs);
  for (let pauseMs = retryMs; ; pauseMs = Math.min(pauseMs * 2, longestMs)) yield pauseMs;
}

function arm(call: Call, afterMs: number, retries: Generator<number, never>): void {
  const { again, log, clock, state } = call;
  const timer = clock.after(afterMs, () => {
    again.request().catch((reason: unknown) => {
      const pauseMs = retries.next().value;
      log.info({ err: reason, pauseMs }, 'refresh failed: trying again');
      // A Request that succeeded since has set the timer itself.
      if (state.get(timerKey) === timer) arm(call, pauseMs, retries);
    });
  });
  state.set(timerKey, timer);
}
