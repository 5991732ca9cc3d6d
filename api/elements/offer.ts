// SPDX-License-Identifier: Apache-2.0
/**
 * Offers mechanisms to the next hop.
 *
 * When: on the way in. A mechanism chosen before gets the offer's parameters
 * again: a client that restarted may have another namespace.
 * Where: in a client chain, after `mechanismTranslation`, before `filterMechanisms`.
 * Leaves: nothing.
 */
import type { Step } from '../chain/element.js';
import type { Mechanism } from '../gen/connection.js';

/** The element; in order of preference, after those the Request came with. */
export function offer(preferences: readonly Mechanism[]): Step {
  return {
    kind: 'step',
    name: 'offer',

    request(call, request, next) {
      const chosen = request.connection.mechanism;
      const same = preferences.find(({ cls, type }) => cls === chosen?.cls && type === chosen.type);
      const mechanism =
        chosen && same
          ? { ...chosen, parameters: { ...chosen.parameters, ...same.parameters } }
          : chosen;
      return next(call, {
        connection: { ...request.connection, mechanism },
        mechanismPreferences: [...request.mechanismPreferences, ...preferences],
      });
    },

    close: () => Promise.resolve(),
  };
}
