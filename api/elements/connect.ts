// SPDX-License-Identifier: Apache-2.0
/**
 * Runs the client chain (the way to the next hop) and goes on with its answer.
 *
 * When: on the way in: the next hop is asked first, then the rest of the server
 * chain sees what it answered. On Close the next hop is closed.
 * Where: after whoever finds the next hop; after it only what needs the answer.
 * Leaves: the next hop's connection, until that hop's `timeout`.
 */
import { Rollback } from '../chain/rollback.js';
import type { Chain, Step } from '../chain/element.js';
import { stateKey } from '../chain/state.js';

const connected = stateKey<boolean>('connected');

/** The element. A new connection whose rest fails here is closed at the next hop; a live one is kept. */
export function connect(client: Chain): Step {
  return {
    kind: 'step',
    name: 'connect',

    async request(call, request, next) {
      const answer = await client.request(call, request);
      await using rollback = new Rollback(call);
      if (!call.state.get(connected)) {
        rollback.add((late) => client.close(late, answer));
      }
      const connection = await next(call, { ...request, connection: answer });
      rollback.commit();
      call.state.set(connected, true);
      return connection;
    },

    close: (call, connection) => client.close(call, connection),
  };
}
