// SPDX-License-Identifier: Apache-2.0
/**
 * Repeats a Request until it succeeds or its caller gives up.
 *
 * When: around the rest, on Requests.
 * Where: in a client, before `begin`, so that a Close does not wait behind it.
 * Leaves: nothing.
 */
import { status } from '@grpc/grpc-js';
import { delay } from '../chain/clock.js';
import { Deadline } from '../chain/deadline.js';
import type { Step } from '../chain/element.js';
import { WireError } from '../errors/wire-error.js';

/** How often, and how long one try may take. */
export interface RetryOptions {
  /** Between two tries; 200 unless given. */
  readonly intervalMs?: number;
  /** For one try; 15,000 unless given. */
  readonly tryTimeoutMs?: number;
}

/** Answers that will be the same next time. */
const final: ReadonlySet<status> = new Set([
  status.INVALID_ARGUMENT,
  status.UNIMPLEMENTED,
  status.PERMISSION_DENIED,
]);

/** The element. When the caller gives up it hears the last failure. */
export function retry({ intervalMs = 200, tryTimeoutMs = 15_000 }: RetryOptions = {}): Step {
  return {
    kind: 'step',
    name: 'retry',

    async request(call, request, next) {
      for (;;) {
        try {
          const leftMs = Math.max(call.deadlineMs - call.clock.now(), 0);
          using attempt = new Deadline(call.clock, Math.min(tryTimeoutMs, leftMs), call.signal);
          return await next(attempt.over(call), request);
        } catch (reason) {
          if (reason instanceof WireError && final.has(reason.code)) throw reason;
          if (call.signal.aborted) throw reason;
          call.log.info({ err: reason }, 'request failed: trying again');
          await delay(call.clock, intervalMs, call.signal).catch(() => {
            throw reason;
          });
        }
      }
    },

    close: () => Promise.resolve(),
  };
}
