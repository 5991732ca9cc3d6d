// SPDX-License-Identifier: Apache-2.0
/** How a lab command ends: its exit code, and what it says when it cannot. */
import { LabError, LabInputError } from '../../lab/file/mistakes.js';
import { exitCodes } from '../exit-codes.js';

/** Do it and set the exit code; what cannot be is told in its own words, a bug is passed on. */
export async function answer(act: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await act();
  } catch (reason) {
    if (!(reason instanceof LabError)) throw reason;
    const lines = reason.message.split('\n');
    process.stderr.write(lines.map((line) => `wanwire lab: ${line}\n`).join(''));
    process.exitCode = reason instanceof LabInputError ? exitCodes.usage : exitCodes.failed;
  }
}
