// SPDX-License-Identifier: Apache-2.0
/**
 * Says an MTU where the Request says none, so that every hop behind us can lower it.
 *
 * When: on the way in. A refresh that says what was answered wishes nothing by that:
 * it is asked anew with the first wish, or a wire that was small once would stay so.
 * On the way back remembers what was answered, and some before it: a call of our own,
 * or one whose answer was lost, is answered without the client, which says an older one.
 * Where: after `mechanisms`, before `connect`; the facet `mtu` sets what comes back.
 * Leaves: nothing; the wish stands in the wire's record, and whoever adopts the wire
 * after a crash calls `rememberMtu`.
 */
import { contextOf, withContext } from '../../api/chain/connection.js';
import type { Step } from '../../api/chain/element.js';
import { stateKey, type State } from '../../api/chain/state.js';
import { defaultMtu } from '../facets/mtu.js';
import { clientSocket } from '../mechanisms/kernel/index.js';

interface Agreed {
  readonly wish: number;
  /** The newest first, each once. */
  readonly answered: readonly number[];
}
/** So many different answers are known as such. */
const remembered = 8;
const key = stateKey<Agreed>('mtu');

/** What the client wishes, before anybody has answered; 0: whatever there is. */
export function wishedMtu(state: State): number | undefined {
  return state.get(key)?.wish;
}

/** Know again what was wished and answered in a former life. */
export function rememberMtu(state: State, wish: number, answered: number): void {
  state.set(key, { wish, answered: [answered] });
}

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
      const wish = isEcho && before?.answered.includes(asked) ? before.wish : asked;
      const answered = before?.wish === wish ? before.answered : [];
      const wished = withContext(connection, { MTU: wish === 0 ? defaultMtu : wish });
      call.state.set(key, { wish, answered });
      try {
        const answer = await next(call, { ...request, connection: wished });
        const { MTU } = contextOf(answer);
        const all = [MTU, ...answered.filter((one) => one !== MTU)];
        call.state.set(key, { wish, answered: all.slice(0, remembered) });
        return answer;
      } catch (reason) {
        if (before !== undefined) call.state.set(key, before);
        throw reason;
      }
    },

    close: () => Promise.resolve(),
  };
}
