// SPDX-License-Identifier: Apache-2.0
/** The one place where an error becomes a gRPC status. Called by `api/grpc/serve.ts`. */
import { status, type ServiceError, type StatusObject } from '@grpc/grpc-js';
import { WireError } from './wire-error.js';

type Answer = Pick<StatusObject, 'code' | 'details'>;

/**
 * The status for a peer. A bug's text is withheld: it says nothing a peer can
 * act on. When an undo failed while a Request was failing, the peer hears the
 * Request's own error (`SuppressedError.suppressed`).
 */
export function toStatus(reason: unknown): Answer {
  if (reason instanceof WireError) return { code: reason.code, details: reason.message };
  if (isSuppressed(reason)) return toStatus(reason.suppressed);
  if (isAbort(reason)) {
    return reason.name === 'TimeoutError'
      ? { code: status.DEADLINE_EXCEEDED, details: 'the deadline passed' }
      : { code: status.CANCELLED, details: 'the caller gave up' };
  }
  if (isServiceError(reason)) return { code: reason.code, details: reason.details };
  return { code: status.INTERNAL, details: 'internal error' };
}

/** Whether an error is an abort or a time-out of a signal. */
export function isAbort(reason: unknown): reason is Error {
  return (
    reason instanceof Error && (reason.name === 'AbortError' || reason.name === 'TimeoutError')
  );
}

/** Whether an error came from a gRPC peer, with its code. */
export function isServiceError(reason: unknown): reason is ServiceError {
  return (
    reason instanceof Error &&
    'code' in reason &&
    typeof reason.code === 'number' &&
    'details' in reason &&
    typeof reason.details === 'string'
  );
}

function isSuppressed(reason: unknown): reason is Error & { suppressed: unknown } {
  return reason instanceof Error && reason.name === 'SuppressedError' && 'suppressed' in reason;
}
