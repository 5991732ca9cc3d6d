// SPDX-License-Identifier: Apache-2.0
/** In a registry: a name belongs to whom registered it first. */
import type { Rule } from './rule.js';

/** Upstream's registry/client_allowed. */
export const clientAllowed: Rule = {
  name: 'client-allowed',
  check(evidence) {
    const { owner, tokens } = evidence;
    if (owner === undefined) return;
    const caller = tokens.length === 0 ? '' : evidence.subject(0);
    if ((owner.id ?? '') === caller) return;
    const [was, is] = [
      owner.id ?? 'somebody without a token',
      caller || 'a caller without a token',
    ];
    throw new Error(`${owner.what} belongs to ${was}, not to ${is}`);
  },
};
