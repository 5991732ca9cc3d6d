// SPDX-License-Identifier: Apache-2.0
/** "Not on this kernel", with a type, a feature and a version. */
import { status } from '@grpc/grpc-js';
import { WireError } from './wire-error.js';

/** The kernel is too old or was built without what we need, or a program is not there. */
export class NotSupportedError extends WireError {
  override readonly name: string = 'NotSupportedError';
  /** What is missing. */
  readonly feature: string;
  /** The first kernel that has it. */
  readonly since: string;

  /** `needs` is for what a newer kernel alone would not bring. */
  constructor(feature: string, since: string, needs = `Linux ${since} or later`) {
    super(status.FAILED_PRECONDITION, `${feature} is missing: needs ${needs}`);
    this.feature = feature;
    this.since = since;
  }
}
