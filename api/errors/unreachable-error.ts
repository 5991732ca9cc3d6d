// SPDX-License-Identifier: Apache-2.0
/** Nobody answered at a URL, as opposed to a peer that answered UNAVAILABLE for someone behind it. */
import { status } from '@grpc/grpc-js';
import { WireError } from './wire-error.js';

/** There is no connection to a peer, or it broke during the call. */
export class UnreachableError extends WireError {
  override readonly name: string = 'UnreachableError';

  constructor(message: string, options?: ErrorOptions) {
    super(status.UNAVAILABLE, message, options);
  }
}
