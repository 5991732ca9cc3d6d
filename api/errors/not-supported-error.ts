// SPDX-License-Identifier: Apache-2.0
/** "Not on this kernel", with a type, a feature and a version. */
import { status } from '@grpc/grpc-js';
import { WireError } from './wire-error.js';

/** The kernel is too old or was built without what we need. */
export class NotSupportedError extends WireError {
  override readonly name: string = 'NotSupportedError';
  /** What is missing. */
  readonly feature: string;
  /** The first kernel that has it. */
  readonly since: string;

  constructor(feature: string, since: string) {
    super(status.FAILED_PRECONDITION, `${feature} is missing: needs Linux ${since} or later`);
    this.feature = feature;
    this.since = since;
  }
}
