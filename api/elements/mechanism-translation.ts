// SPDX-License-Identifier: Apache-2.0
/**
 * Keeps the two mechanisms of a proxy apart: the caller's, and ours towards the next hop.
 *
 * When: on the way in the caller's mechanism and preferences make room for ours;
 * on the way back ours is remembered and the caller's put back. On Close too.
 * Where: first in a proxy's client chain, before `offer` and the elements
 * of the client side's mechanisms.
 * Leaves: nothing.
 */
import type { Guard } from '../chain/element.js';
import { stateKey } from '../chain/state.js';
import type { Mechanism } from '../gen/connection.js';

/** The mechanism agreed with the next hop; `connection.mechanism` is the one agreed with the caller. */
export const clientMechanism = stateKey<Mechanism>('client-mechanism');

/** The element: a guard only because it changes what the others close. */
export function mechanismTranslation(): Guard {
  return {
    kind: 'guard',
    name: 'mechanismTranslation',

    async request(call, request, next) {
      const connection = { ...request.connection, mechanism: call.state.get(clientMechanism) };
      const answer = await next(call, { connection, mechanismPreferences: [] });
      if (answer.mechanism !== undefined) call.state.set(clientMechanism, answer.mechanism);
      return { ...answer, mechanism: request.connection.mechanism };
    },

    async close(call, connection, next) {
      try {
        await next(call, { ...connection, mechanism: call.state.get(clientMechanism) });
      } finally {
        // Another endpoint that is tried next shall not be asked for this one's.
        call.state.delete(clientMechanism);
      }
    },
  };
}
