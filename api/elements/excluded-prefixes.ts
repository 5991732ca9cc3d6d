// SPDX-License-Identifier: Apache-2.0
/**
 * Adds the prefixes of this machine or cluster to those an endpoint may not use.
 *
 * When: on the way in. Prefixes that it added before and that are no longer current go.
 * Where: in the nsmgr, before `connect`.
 * Leaves: nothing.
 */
import { ipOf, withIp } from '../chain/connection.js';
import type { Step } from '../chain/element.js';
import { stateKey } from '../chain/state.js';

/** Where the prefixes come from, such as a watched file. */
export interface PrefixSource {
  current(): readonly string[];
}

const added = stateKey<readonly string[]>('excluded-prefixes');

/** The element; server form. */
export function excludedPrefixes(source: PrefixSource): Step {
  return {
    kind: 'step',
    name: 'excludedPrefixes',

    async request(call, request, next) {
      const ours = source.current();
      const before = call.state.get(added) ?? [];
      const theirs = ipOf(request.connection).excludedPrefixes;
      const kept = theirs.filter((prefix) => !before.includes(prefix) || ours.includes(prefix));
      const missing = ours.filter((prefix) => !theirs.includes(prefix));
      const excluded = [...kept, ...missing];
      const answer = await next(call, {
        ...request,
        connection: withIp(request.connection, { excludedPrefixes: excluded }),
      });
      const stillOurs = before.filter((prefix) => ours.includes(prefix));
      call.state.set(added, [...new Set([...stillOurs, ...missing])]);
      return answer;
    },

    close: () => Promise.resolve(),
  };
}
