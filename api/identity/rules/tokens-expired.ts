// SPDX-License-Identifier: Apache-2.0
/**
 * No token of the path is over, or has not begun.
 *
 * Upstream's common/tokens_expired. A wire to another site may be held while that site cannot
 * be asked (`hold`, `held.ts`): then nobody makes new tokens for the segments beyond, and who is
 * told to hold takes those that have been over for less than the hold. That gives nothing away: of a
 * segment that is not next to ours no signature can be checked, so its neighbour vouches for it anyway.
 */
import { checkTokenTime } from '../token.js';
import type { Rule } from './rule.js';

/** The rule; `heldMs` is for segments that are not next to ours, none where not given. */
export function tokensExpired(heldMs = 0): Rule {
  return {
    name: 'tokens-expired',
    check(evidence) {
      const { tokens, index, nowMs } = evidence;
      for (const at of tokens.keys()) {
        const graceMs = Math.abs(at - index) > 1 ? heldMs : 0;
        const { expiresMs, ...claims } = evidence.claims(at);
        const late = expiresMs === undefined ? undefined : expiresMs + graceMs;
        evidence.about(at, () => {
          checkTokenTime({ ...claims, expiresMs: late }, nowMs);
        });
      }
    },
  };
}
