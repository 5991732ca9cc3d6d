// SPDX-License-Identifier: Apache-2.0
/** A program of a cluster as a child of this process: it writes into a log file, and ends with us even when we are killed. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { LabError } from '../file/mistakes.js';

/** What a program gets before it is killed. */
const patienceMs = 10_000;
/** Lines of its log in an error. */
const toldLines = 12;

/** What to start. */
export interface ChildOptions {
  /** For messages. */
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  /** What it says on both streams is added to this file. */
  readonly log: string;
  /** /run/netns/NAME; the caller's where not given. */
  readonly netns?: string;
  /** What it is told to end by: SIGTERM where not given. */
  readonly stopBy?: NodeJS.Signals;
}

/** One that runs. */
export interface Child {
  readonly name: string;
  readonly pid: number;
  /** Rejects, with the last lines it said, when it ends by itself. */
  readonly broken: Promise<never>;
  /** Tell it to end; SIGKILL 10 s later. Resolves when it is gone; also twice. */
  stop(): Promise<void>;
}

/** Nothing of the caller's environment reaches it but this. */
const env = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' };

/** Start it. */
export async function child(options: ChildOptions): Promise<Child> {
  const { name, program, args, log, netns } = options;
  const enter = netns === undefined ? [] : ['nsenter', `--net=${netns}`, '--'];
  const line = ['--pdeathsig', 'KILL', '--', ...enter, program, ...args];
  const file = await open(log, 'a', 0o600);
  const started = spawn('setpriv', line, { env, stdio: ['ignore', file.fd, file.fd] });
  const exit = once(started, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  exit.catch(() => undefined);
  try {
    await once(started, 'spawn');
  } finally {
    await file.close();
  }
  let stopping = false;
  const broken = exit.then(async ([code, signal]): Promise<never> => {
    if (stopping) return new Promise<never>(() => undefined);
    const end = signal ?? `exit code ${String(code)}`;
    throw new LabError(`${name} ended by itself (${end}):\n${await tail(log)}`);
  });
  broken.catch(() => undefined);
  return {
    name,
    pid: started.pid ?? 0,
    broken,
    async stop() {
      stopping = true;
      if (started.exitCode !== null || started.signalCode !== null) return;
      started.kill(options.stopBy ?? 'SIGTERM');
      const late = setTimeout(() => started.kill('SIGKILL'), patienceMs);
      await exit;
      clearTimeout(late);
    },
  };
}

/** The last lines of a log. */
export async function tail(log: string): Promise<string> {
  const text = await readFile(log, 'utf8').catch(() => '');
  return text.trimEnd().split('\n').slice(-toldLines).join('\n');
}

/**
 * Ask until it is so; throws what was asked last told when `patienceMs` are over, and at once
 * what `broken` rejects with.
 */
export async function until(
  what: string,
  ask: () => Promise<true | string>,
  patienceMs: number,
  broken: Promise<never> = new Promise(() => undefined),
): Promise<void> {
  const late = performance.now() + patienceMs;
  for (let waitMs = 20; ; waitMs = Math.min(waitMs * 1.5, 250)) {
    const said = await Promise.race([ask(), broken]);
    if (said === true) return;
    if (performance.now() > late) {
      const seconds = String(patienceMs / 1000);
      throw new LabError(`${what} after ${seconds} s: ${said}`);
    }
    await Promise.race([sleep(waitMs), broken]);
  }
}
