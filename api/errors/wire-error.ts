// SPDX-License-Identifier: Apache-2.0
/** The error a rule of ours throws: it knows the gRPC status its peer should hear. */
import { status } from '@grpc/grpc-js';

/** A refusal or failure with the gRPC status code the peer is to get. */
export class WireError extends Error {
  override readonly name: string = 'WireError';
  /** A gRPC status code, such as `status.NOT_FOUND`. */
  readonly code: status;

  constructor(code: status, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** INVALID_ARGUMENT that names the field, its value and what would be right. */
export function invalid(field: string, value: unknown, wanted: string): WireError {
  return new WireError(
    status.INVALID_ARGUMENT,
    `${field}: ${value === undefined ? 'nothing' : JSON.stringify(value)} is not valid: want ${wanted}`,
  );
}
