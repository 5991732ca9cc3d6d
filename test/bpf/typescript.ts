// SPDX-License-Identifier: Apache-2.0
/** What a process of Node needs to run our TypeScript: as this one does, but without tap's own parts. */
import process from 'node:process';

/** Words for before the script. */
export const typescript: readonly string[] = process.execArgv.filter(
  (one) => one.startsWith('--import') && !/@tapjs\/(mock|processinfo)\b/.test(one),
);
