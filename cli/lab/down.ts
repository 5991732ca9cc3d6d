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
export async function downCommand({ name, all = false }: DownOptions): Promise<number> {
  const there = await Lab.names();
  const wanted = name === undefined ? there : [name];
  if (wanted.length > 1 && !all) {
    throw new LabInputError(`which lab? There are ${there.join(', ')}: say --name, or --all`);
  }
  for (const one of wanted) {
    const gone = await Lab.down(one);
    process.stdout.write(gone ? `lab ${one} is gone\n` : `there is no lab ${one}\n`);
  }
  if (wanted.length === 0) process.stdout.write('there is no lab\n');
  return exitCodes.ok;
}
