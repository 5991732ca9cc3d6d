// SPDX-License-Identifier: Apache-2.0
/** Why an agent gave no identity, and what to do about it. */
import { status } from '@grpc/grpc-js';
import { isServiceError } from '../errors/to-status.js';
import { WireError } from '../errors/wire-error.js';

/** An UNAVAILABLE that names the agent's socket. */
export function agentTrouble(socket: string, reason: unknown): WireError {
  const text = `no identity from the agent at ${socket}: ${inWords(reason)}`;
  return new WireError(status.UNAVAILABLE, text, { cause: reason });
}

function inWords(reason: unknown): string {
  if (isServiceError(reason)) return wordsOf(reason.code, reason.details);
  if (reason instanceof WireError) return wordsOf(reason.code, reason.message);
  return reason instanceof Error ? reason.message : String(reason);
}

function wordsOf(code: status, details: string): string {
  const told = details.slice(0, 512);
  if (code === status.PERMISSION_DENIED) {
    return (
      `it answers, and has none for this process (${told}): let it know this process, by a ` +
      'registration entry (SPIRE) or spec.identities in the site file (wanwire); ' +
      '`wanwire id` tells what it sees'
    );
  }
  if (code === status.UNIMPLEMENTED) {
    return `who listens there is no SPIFFE agent (${told}): correct SPIFFE_ENDPOINT_SOCKET`;
  }
  if (code === status.INVALID_ARGUMENT) return `what it says is of no use (${told})`;
  if (code !== status.UNAVAILABLE) return `it refuses (${status[code]}: ${told})`;
  if (/EACCES|EPERM/.test(told)) {
    return 'this user may not open it: allow that, or correct SPIFFE_ENDPOINT_SOCKET';
  }
  const hint = 'start the agent (`wanwire manager` and `wanwire up` have one), or correct ';
  return `it cannot be reached (${told}): ${hint}SPIFFE_ENDPOINT_SOCKET`;
}
