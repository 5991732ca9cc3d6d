// SPDX-License-Identifier: Apache-2.0
/** Runs a program of this folder in a place of a lab. It ends with us, even when we are killed. */
import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { LabError } from '../file/mistakes.js';
import type { Place } from '../place.js';

/** A program that runs. */
export interface Script {
  readonly child: ChildProcess;
  /** Resolves when it has ended and all it printed was taken. */
  readonly ended: Promise<void>;
  /** What it complained of. */
  complaint(): string;
}

/** Start `NAME.js` as it was built; resolves at its first line, `take` gets each after that. */
export async function script(
  place: Place,
  name: string,
  args: readonly string[],
  take: (line: string) => void = () => undefined,
): Promise<Script> {
  // A Ctrl-C at the terminal is for our caller, who ends us in order.
  const child = place.spawn(
    'setpriv',
    ['--pdeathsig', 'KILL', '--', process.execPath, pathOf(name), ...args],
    { stdio: ['pipe', 'pipe', 'pipe'], detached: true },
  );
  const { stdin, stdout, stderr } = child;
  if (stdin === null || stdout === null || stderr === null) throw new LabError('no pipe');
  stdin.on('error', () => undefined);
  let complaint = '';
  stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
  const ended = new Promise<void>((resolve) => {
    child.once('error', (reason) => {
      complaint += reason.message;
      resolve();
    });
    child.once('close', () => {
      resolve();
    });
  });
  await new Promise<void>((resolve, reject) => {
    let isReady = false;
    createInterface({ input: stdout }).on('line', (line) => {
      if (isReady) take(line);
      isReady = true;
      resolve();
    });
    void ended.then(() => {
      reject(new LabError(`${name} ended before it was ready: ${complaint}`));
    });
  });
  return { child, ended, complaint: () => complaint };
}

/** As built, from the sources too: they run without a loader. */
function pathOf(name: string): string {
  const found = [`./${name}.js`, `../../dist/lab/http/${name}.js`]
    .map((path) => fileURLToPath(new URL(path, import.meta.url)))
    .find((path) => existsSync(path));
  if (found === undefined) throw new LabError(`${name} is not built: npm run build makes it`);
  return found;
}
