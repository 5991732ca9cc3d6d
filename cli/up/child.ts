// SPDX-License-Identifier: Apache-2.0
/**
 * A process of a site as a child of this one. It ends when we end, however we
 * do: the channel between us closes, and `live` takes that for a signal.
 */
import { fork } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Role } from './roles.js';

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process that was started. */
export interface Child {
  /** Nothing where it could not even be started. */
  readonly pid: number | undefined;
  /** What it said when it was ready; never where it ends before. */
  readonly ready: Promise<string>;
  readonly ended: Promise<Exit>;
  kill(signal: NodeJS.Signals): void;
}

/** Starts the process of a role. */
export type Launch = (role: Role) => Child;

const command = fileURLToPath(import.meta.resolve('#wanwire'));

/** The real {@link Launch}. Logs go to our stderr as they are. */
export const launch: Launch = (role) => {
  const child = fork(command, [role.command], {
    env: role.env,
    // A Ctrl-C at the terminal is for us, who end them in order.
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  const ended = new Promise<Exit>((resolve) => {
    child.once('exit', (code, signal) => {
      resolve({ code, signal });
    });
    child.once('error', () => {
      // Without a pid there is no `exit`.
      if (child.pid === undefined) resolve({ code: null, signal: null });
    });
  });
  const ready = new Promise<string>((resolve) => {
    // It goes on reading: the child must not block on a full pipe.
    if (child.stdout) createInterface({ input: child.stdout }).on('line', resolve);
  });
  return {
    pid: child.pid,
    ready,
    ended,
    kill: (signal) => {
      child.kill(signal);
    },
  };
};
