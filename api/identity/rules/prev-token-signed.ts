// SPDX-License-Identifier: Apache-2.0
/** On a server: the token of the segment before ours was made by who called. */
import { mustBeOfPeer } from './signed.js';
import type { Rule } from './rule.js';

/** Upstream's server/prev_token_signed. It does not look at `sub`; we do, or a peer could sign in another's name. */
export const prevTokenSigned: Rule = {
  name: 'prev-token-signed',
  async check(evidence) {
    if (evidence.index < 1 || evidence.tokens.length === 0) {
      throw new Error(
        'the path has no segment before ours: want the token of who calls (nsm-client-token), and ' +
          'for a registry the metadata path, {"Index":0,"PathSegments":null} at first',
      );
    }
    await mustBeOfPeer(evidence, evidence.index - 1);
  },
};
