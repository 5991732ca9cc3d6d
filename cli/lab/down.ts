// SPDX-License-Identifier: Apache-2.0
/** `wanwire lab down`. */
import { LabInputError } from '../../lab/file/mistakes.js';
import { Lab } from '../../lab/lab.js';
import { exitCodes } from '../exit-codes.js';

/** Its options. */
export interface DownOptions {
  readonly name?: string;
  readonly all?: boolean;
}

/** Take labs away; that there is none is no failure. */
export async function downCommand(options: DownOptions): Promise<number> {
  const names = labsToTakeDown(await Lab.names(), options);
  for (const name of names) {
    const gone = await Lab.down(name);
    process.stdout.write(gone ? `lab ${name} is gone\n` : `there is no lab ${name}\n`);
  }
  if (names.length === 0) process.stdout.write('there is no lab\n');
  return exitCodes.ok;
}

/** Of the labs there are, which ones: what somebody else made under another name is not taken away by a short command. */
export function labsToTakeDown(
  there: readonly string[],
  { name, all = false }: DownOptions,
): readonly string[] {
  if (all) return there;
  if (name !== undefined) return [name];
  if (there.length === 0 || there.includes('default'))
    return there.filter((one) => one === 'default');
  throw new LabInputError(`which lab? There is ${there.join(', ')}: say --name, or --all`);
}
