// SPDX-License-Identifier: Apache-2.0
/**
 * Lets a Request or Close pass only if every rule does.
 *
 * When: on the way in. What this process starts itself passes: no peer asked for it.
 * Where: after `updateToken` (rules read the path's tokens), before
 * everything that acts.
 * Leaves: nothing.
 */
import type { Call } from '../chain/call.js';
import { pathOf } from '../chain/connection.js';
import type { Guard } from '../chain/element.js';
import { stateKey } from '../chain/state.js';
import type { Connection } from '../gen/connection.js';
import { obey, type EvidenceOptions, type Rule } from '../identity/rules/rule.js';
import { serverRules, type RuleOptions } from '../identity/rules/sets.js';
import type { Security } from '../identity/security.js';
import { readToken } from '../identity/token.js';

/** The SPIFFE ID of the path's first segment, who asked for the connection: set once the rules have passed, not without identities. */
export const clientIdentity = stateKey<string>('client-identity');

/** The element, with upstream's rules for servers; none where there are no identities. */
export function authorize(security: Security, options: RuleOptions = {}): Guard {
  return authorizeBy(security.kind === 'insecure' ? [] : serverRules(options));
}

/** The element, with these rules. */
export function authorizeBy(rules: readonly Rule[]): Guard {
  const check = async (call: Call, connection: Connection): Promise<void> => {
    if (rules.length === 0) return;
    const evidence = leftSide(call, connection);
    // What `begin` repeats has passed when it came.
    if (call.own !== true) {
      if (call.door === undefined) return;
      await obey(rules, evidence);
    }
    const subject = subjectOf(evidence.tokens[0] ?? '');
    if (subject !== undefined) call.state.set(clientIdentity, subject);
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

/** The path as far as our own segment: what is behind us is of a former answer. */
function leftSide({ peer, clock }: Call, connection: Connection): EvidenceOptions {
  const { index, pathSegments } = pathOf(connection);
  const left = pathSegments.slice(0, index + 1);
  return {
    tokens: left.map(({ token }) => token),
    names: left.map(({ name }) => name),
    index,
    peer,
    nowMs: clock.now(),
  };
}

/** Nothing where it is none, as in a path that a former life remembers without tokens. */
function subjectOf(token: string): string | undefined {
  try {
    return readToken(token).subject || undefined;
  } catch {
    return undefined;
  }
}
