// SPDX-License-Identifier: Apache-2.0
/** What a Close collects: it goes on past every failure and reports them all. */
import { status } from '@grpc/grpc-js';
import { WireError } from './wire-error.js';

/** At least one Step failed to close; the others were closed all the same. */
export class CloseError extends WireError {
  override readonly name: string = 'CloseError';
  /** Every failure, in the order of the chain. */
  readonly errors: readonly Error[];

  constructor(connection: string, errors: readonly Error[]) {
    const codes = new Set(errors.map((e) => (e instanceof WireError ? e.code : status.INTERNAL)));
    const [code] = codes;
    super(
      codes.size === 1 && code !== undefined ? code : status.INTERNAL,
      `close ${connection}: ${errors.map((e) => e.message).join('; ')}`,
      { cause: errors[0] },
    );
    this.errors = errors;
  }

  /** Run one closing act; its failures as a list, empty when there was none. */
  static async gather(act: () => Promise<void>): Promise<readonly Error[]> {
    try {
      await act();
      return [];
    } catch (reason) {
      if (reason instanceof CloseError) return reason.errors;
      return [reason instanceof Error ? reason : new Error(String(reason))];
    }
  }
}
