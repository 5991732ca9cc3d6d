// SPDX-License-Identifier: Apache-2.0
/**
 * Says an MTU where the Request says none, so that every hop behind us can lower it.
 *
 * When: on the way in. A refresh that says what was answered last wishes nothing by
 * that: it is asked anew with the first wish, or a wire that was small once would
 * stay so. On the way back remembers what was answered.
 * Where: after `mechanisms`, before `connect`; the facet `mtu` sets what comes back.
 * Leaves: nothing; after a restart what was answered last is the wish.
 */
import { contextOf, withContext } from '../../api/chain/connection.js';
import type { Step } from '../../api/chain/element.js';
import { stateKey } from '../../api/chain/state.js';
import { defaultMtu } from '../facets/mtu.js';
import { clientSocket } from '../mechanisms/kernel/index.js';

interface Agreed {
  readonly wish: number;
  readonly answered: number;
}
const key = stateKey<Agreed>('mtu');

/** The element. */
export function mtu(): Step {
  return {
    kind: 'step',
    name: 'mtu',

    async request(call, request, next) {
      const { connection } = request;
      const asked = contextOf(connection).MTU;
      const before = call.state.get(key);
      // What comes out of a tunnel was said by the tunnel, now.
      const isEcho = call.state.get(clientSocket)?.tunnel === undefined;
      const wish = isEcho && before?.answered === asked ? before.wish : asked;
      const wished = withContext(connection, { MTU: wish === 0 ? defaultMtu : wish });
      const answer = await next(call, { ...request, connection: wished });
      call.state.set(key, { wish, answered: contextOf(answer).MTU });
      return answer;
    },

    close: () => Promise.resolve(),
  };
}
