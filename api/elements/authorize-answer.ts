// SPDX-License-Identifier: Apache-2.0
/**
 * Takes an answer only if every rule does: whether those on the path are who they say.
 *
 * When: on the way back of a Request. A first answer that is refused is closed.
 * Where: in a client, right before `remote`, which notes who answered.
 * Leaves: nothing.
 */
import { detached } from '../chain/call.js';
import { pathOf } from '../chain/connection.js';
import type { Chain, Step } from '../chain/element.js';
import { stateKey } from '../chain/state.js';
import { obey } from '../identity/rules/rule.js';
import { clientRules, type RuleOptions } from '../identity/rules/sets.js';
import type { Security } from '../identity/security.js';
import { nextPeer } from './next-hop.js';

const accepted = stateKey<boolean>('authorize-answer');

/** The element, with upstream's rules for clients; none where there are no identities. */
export function authorizeAnswer(security: Security, options: RuleOptions = {}): Step {
  const rules = security.kind === 'insecure' ? [] : clientRules(options);
  let rest: Chain | undefined;
  return {
    kind: 'step',
    name: 'authorizeAnswer',

    composed(chain) {
      rest = chain;
    },

    async request(call, request, next) {
      const answer = await next(call, request);
      const { index, pathSegments } = pathOf(answer);
      try {
        await obey(rules, {
          tokens: pathSegments.map(({ token }) => token),
          names: pathSegments.map(({ name }) => name),
          index,
          peer: call.state.get(nextPeer),
          nowMs: call.clock.now(),
        });
      } catch (reason) {
        // A refresh that is refused keeps what stands, as any failed refresh does.
        if (call.state.get(accepted) !== true) await rest?.close(detached(call), answer);
        throw reason;
      }
      call.state.set(accepted, true);
      return answer;
    },

    close(call) {
      call.state.delete(accepted);
      return Promise.resolve();
    },
  };
}
