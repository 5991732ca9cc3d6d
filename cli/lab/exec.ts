// SPDX-License-Identifier: Apache-2.0
/** `wanwire lab exec`. */
import { once } from 'node:events';
import { constants } from 'node:os';
import { Lab } from '../../lab/lab.js';

/** Run a program with our own input and output; resolves to its exit code, as a shell tells it. */
export async function execIn(
  place: string,
  words: readonly string[],
  name: string | undefined,
): Promise<number> {
  // Behind an option of ours the separator is still among the words.
  const [program = '', ...args] = words[0] === '--' ? words.slice(1) : words;
  const lab = await Lab.open(name);
  const child = lab.place(place).spawn(program, args, { stdio: 'inherit' });
  // A Ctrl-C at the terminal is for the program; what is sent to us alone is passed on.
  process.on('SIGINT', () => undefined);
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGQUIT'] as const) {
    process.on(signal, () => child.kill(signal));
  }
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  return code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
}
