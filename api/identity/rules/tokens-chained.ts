// SPDX-License-Identifier: Apache-2.0
/** Each token of the path was made for whom the next one names. */
import { checkAudience } from '../token.js';
import type { Rule } from './rule.js';

/** Upstream's common/tokens_chained. */
export const tokensChained: Rule = {
  name: 'tokens-chained',
  check(evidence) {
    for (let at = 0; at + 1 < evidence.tokens.length; at++) {
      const next = evidence.subject(at + 1);
      if (next === '') throw evidence.wrong(at + 1, 'its token names nobody (sub is missing)');
      evidence.about(at, () => {
        checkAudience(evidence.claims(at), next);
      });
    }
  },
};
