// SPDX-License-Identifier: Apache-2.0
/** Each segment of the path has a token that is a JWT. */
import type { Rule } from './rule.js';

/** Upstream's common/tokens_valid. */
export const tokensValid: Rule = {
  name: 'tokens-valid',
  check(evidence) {
    for (const at of evidence.tokens.keys()) evidence.claims(at);
  },
};
