// SPDX-License-Identifier: Apache-2.0
/**
 * Lets a Request or Close pass only if every rule does.
 *
 * When: on the way in. What `begin` starts itself passes: no peer asked for it.
 * Where: after `updateToken` (rules read the path's tokens), before
 * everything that acts.
 * Leaves: nothing.
 */
import type { Call } from '../chain/call.js';
import type { Guard } from '../chain/element.js';
import type { Connection } from '../gen/connection.js';

/** Throws, best a PERMISSION_DENIED, where the peer may not do this. */
export type Rule = (call: Call, connection: Connection) => void | Promise<void>;

/** The element; the rules come with identity, so the list is empty for now. */
export function authorize(rules: readonly Rule[] = []): Guard {
  const check = async (call: Call, connection: Connection): Promise<void> => {
    if (call.own) return;
    for (const rule of rules) await rule(call, connection);
  };
  return {
    kind: 'guard',
    name: 'authorize',

    async request(call, request, next) {
      await check(call, request.connection);
      return next(call, request);
    },

    async close(call, connection, next) {
      await check(call, connection);
      await next(call, connection);
    },
  };
}
