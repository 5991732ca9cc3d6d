// SPDX-License-Identifier: Apache-2.0
/**
 * Tells this hop's subscribers what becomes of a connection.
 *
 * When: on the way back (UPDATE; state DOWN where a refresh failed, and where the forwarder
 * says that no strand is left), and on Close (DELETE).
 * Where: after `begin` and `updateToken`, before everything that may fail, so
 * that it sees every failure and the whole answer.
 * Leaves: nothing; subscribers of a dead process see their stream break.
 */
import type { Step } from '../chain/element.js';
import { State } from '../gen/connection.js';
import type { ConnectionEvents } from './connection-events.js';
import { waitOf } from './link-metrics.js';

/** The element. */
export function monitor(events: ConnectionEvents): Step {
  return {
    kind: 'step',
    name: 'monitor',

    async request(call, request, next) {
      try {
        const answer = await next(call, request);
        const isAway = waitOf(answer) !== undefined;
        events.update(isAway ? { ...answer, state: State.DOWN } : answer);
        return answer;
      } catch (reason) {
        events.down(request.connection.id);
        throw reason;
      }
    },

    close(_call, connection) {
      events.delete(connection.id);
      return Promise.resolve();
    },
  };
}
