// SPDX-License-Identifier: Apache-2.0
/** Whether the peer itself has made a token. */
import { verifySignature } from '../token.js';
import type { Evidence } from './rule.js';

/**
 * The token of segment `at` must name who is at the other end of the connection, and be signed with
 * the key of its certificate: one that was heard elsewhere, and is played again here, is not.
 */
export async function mustBeOfPeer(evidence: Evidence, at: number): Promise<void> {
  const { peer, tokens } = evidence;
  const token = tokens[at];
  if (token === undefined) throw evidence.wrong(at, 'it is missing');
  if (peer === undefined) throw evidence.wrong(at, 'nobody has shown a certificate for it');
  const subject = evidence.subject(at);
  if (subject !== peer.id) {
    throw evidence.wrong(at, `its token is of ${subject}, and the certificate of ${peer.id}`);
  }
  try {
    await verifySignature(token, peer.publicKey);
  } catch (reason) {
    throw evidence.wrong(at, reason instanceof Error ? reason.message : String(reason));
  }
}
