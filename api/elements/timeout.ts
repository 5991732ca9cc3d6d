// SPDX-License-Identifier: Apache-2.0
/**
 * Closes a connection whose client stopped refreshing it.
 *
 * When: on the way back sets a timer, which each Request moves and a Close ends.
 * Where: after `updateToken` (it goes by the expiry of the caller's segment) and
 * before everything a Close has to undo.
 * Leaves: nothing; after a crash whoever adopts the connection sets the timer anew.
 */
import { previousSegment, timestampMs } from '../chain/connection.js';
import type { Call } from '../chain/call.js';
import type { Timer } from '../chain/clock.js';
import type { Step } from '../chain/element.js';
import { stateKey } from '../chain/state.js';
import { invalid } from '../errors/wire-error.js';
import type { Connection } from '../gen/connection.js';

interface Due extends Timer {
  readonly atMs: number;
}
const due = stateKey<Due>('timeout');

/** The element. At index 0 nobody called, so nothing times out. */
export function timeout(): Step {
  return {
    kind: 'step',
    name: 'timeout',

    async request(call, request, next) {
      const now = call.clock.now();
      const expiresMs = callerExpiry(request.connection);
      const before = call.state.get(due)?.atMs;
      // A Close that falls due now would stand in line behind us and end what we renew.
      call.state.delete(due);
      try {
        const answer = await next(call, request);
        if (expiresMs !== undefined) arm(call, closingMs(expiresMs, call.deadlineMs, now));
        return answer;
      } catch (reason) {
        if (before !== undefined) arm(call, before);
        throw reason;
      }
    },

    close(call) {
      call.state.delete(due);
      return Promise.resolve();
    },
  };
}

/**
 * As upstream: early enough that a Request under way at the expiry had the time
 * it has now. Upstream closes at once where that is longer than the token's
 * life, and the client asks anew for ever; we leave it half of that life.
 */
function closingMs(expiresMs: number, deadlineMs: number, nowMs: number): number {
  return expiresMs - Math.min(deadlineMs - nowMs, (expiresMs - nowMs) / 2);
}

function arm(call: Call, atMs: number): void {
  const { again, log } = call;
  const timer = call.clock.after(atMs - call.clock.now(), () => {
    log.info('the client stopped refreshing: closing');
    again.close().catch((reason: unknown) => {
      log.error({ err: reason }, 'closing an expired connection failed');
    });
  });
  call.state.set(due, Object.assign(timer, { atMs }));
}

function callerExpiry(connection: Connection): number | undefined {
  const caller = previousSegment(connection);
  if (caller === undefined) return undefined;
  if (caller.expires === undefined) {
    throw invalid('path.path_segments.expires', undefined, "the expiry of the caller's token");
  }
  return timestampMs(caller.expires);
}
