// SPDX-License-Identifier: Apache-2.0
/** On a client: the token of the segment after ours was made by who answered. */
import { mustBeOfPeer } from './signed.js';
import type { Rule } from './rule.js';

/** Upstream's client/next_token_signed. */
export const nextTokenSigned: Rule = {
  name: 'next-token-signed',
  check: (evidence) => mustBeOfPeer(evidence, evidence.index + 1),
};
