// SPDX-License-Identifier: Apache-2.0
/**
 * Closes a connection whose client stopped refreshing it.
 *
 * When: on the way back sets a timer, which each Request moves and a Close ends.
 * Where: after `updateToken` (it goes by the expiry of the caller's segment) and
 * before everything a Close has to undo.
 * Leaves: nothing; after a crash whoever adopts the connection sets the timer anew.
 *
 * A connection of another site may be held beyond that time (`held.ts`).
 */
import { previousSegment, timestampMs } from '../chain/connection.js';
import type { Step } from '../chain/element.js';
import { invalid } from '../errors/wire-error.js';
import type { Connection } from '../gen/connection.js';
import { HeldLease, leaseKey, PlainLease, type HeldOptions } from './held.js';

/** What may be said otherwise. */
export interface TimeoutOptions {
  /** Which connections outlast their client's silence; none where not given. */
  readonly held?: HeldOptions | undefined;
  /** Once the next hop has closed a connection: how long its client has to ask again, in milliseconds; as long as its token where not given. */
  readonly goneMs?: number;
}

/** The element. At index 0 nobody called, so nothing times out. */
export function timeout({ held, goneMs }: TimeoutOptions = {}): Step {
  return {
    kind: 'step',
    name: 'timeout',

    async request(call, request, next) {
      // What `begin` starts itself says nothing of the caller.
      if (call.own) return await next(call, request);
      const now = call.clock.now();
      const expiresMs = callerExpiry(request.connection);
      // A Close that falls due now would stand in line behind us and end what we renew.
      const before = call.state.take(leaseKey);
      before?.stop();
      try {
        const answer = await next(call, request);
        before?.renewed();
        if (expiresMs === undefined) return answer;
        const atMs = closingMs(expiresMs, call.deadlineMs, now);
        const isHeld = held?.holds(call, answer) === true;
        const lease = isHeld
          ? new HeldLease(call, held, answer, atMs)
          : new PlainLease(call, atMs, goneMs);
        call.state.set(leaseKey, lease);
        return answer;
      } catch (reason) {
        if (before !== undefined) call.state.set(leaseKey, before).start(call);
        throw reason;
      }
    },

    close(call) {
      call.state.delete(leaseKey);
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

function callerExpiry(connection: Connection): number | undefined {
  const caller = previousSegment(connection);
  if (caller === undefined) return undefined;
  if (caller.expires === undefined) {
    throw invalid('path.path_segments.expires', undefined, "the expiry of the caller's token");
  }
  return timestampMs(caller.expires);
}
