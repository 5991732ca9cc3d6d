// SPDX-License-Identifier: Apache-2.0
/** How a command that looks at a data plane ends: its exit code, and what it says when it cannot. */
import { status } from '@grpc/grpc-js';
import { WireError } from '../../api/errors/wire-error.js';
import { SiteError } from '../../api/site/site-error.js';
import { exitCodes } from '../exit-codes.js';
import { printable } from '../table.js';

const codes: Readonly<Partial<Record<status, number>>> = {
  [status.INVALID_ARGUMENT]: exitCodes.usage,
  [status.UNAVAILABLE]: exitCodes.unavailable,
};

/** Do it and set the exit code; a refusal is told in one sentence, a bug is passed on. */
export async function answer(act: () => Promise<void> | void): Promise<void> {
  try {
    await act();
  } catch (reason) {
    if (!(reason instanceof WireError)) throw reason;
    const text = reason.message.split('\n').map(printable).join('\n');
    // Mistakes in a file begin with its name, so that editors find the lines.
    const data = reason instanceof SiteError ? exitCodes.data : undefined;
    process.stderr.write(`${data === undefined ? 'wanwire: ' : ''}${text}\n`);
    process.exitCode = data ?? codes[reason.code] ?? exitCodes.failed;
  }
}
