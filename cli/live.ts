// SPDX-License-Identifier: Apache-2.0
/**
 * The life of a process: start, one line when it is ready, a signal, close within a deadline.
 * The end of a Node.js parent that started it with a channel (`wanwire up`) is such a signal.
 */
import { isAbort } from '../api/errors/to-status.js';
import { WireError } from '../api/errors/wire-error.js';
import type { Logger } from '../api/log/log.js';
import { exitCodes } from './exit-codes.js';

/** What a process' `start` resolves to. */
export interface Running {
  /** Where it serves, for the line that says that it is ready. */
  readonly urls: readonly string[];
  /** It has done what it was started for, and need not be told to end. */
  readonly finished?: boolean;
  /** It has to be started anew, for the reason that this resolves to; whoever looks after it does that. */
  readonly outdated?: Promise<string>;
  /** Why it cannot do its work now; nothing where it can. For probes. */
  readonly trouble?: () => string | undefined;
  close(): Promise<void>;
}

/** What of `process` a life needs. */
export interface Host {
  on(event: string, listener: (reason: unknown) => void): unknown;
  exit(code: number): unknown;
  /** Whether the channel to the parent is open; not there where there is none. */
  readonly connected?: boolean;
  readonly stdout: {
    write(text: string): unknown;
    on(event: 'error', listener: () => void): unknown;
  };
}

/** One life. */
export interface Life {
  /** For the line that says that it is ready. */
  readonly name: string;
  readonly start: (signal: AbortSignal) => Promise<Running>;
  readonly log: Logger;
  readonly host: Host;
  /** How long closing may take. */
  readonly closeWithinMs?: number;
}

/** Kubernetes kills after 30 s and most others after 10 s. */
const defaultCloseWithinMs = 7_000;

/** Lead the life of a process; resolves to its exit code. A second signal, and an error nobody handled, exit at once. */
export async function live(life: Life): Promise<number> {
  const { log, host, closeWithinMs = defaultCloseWithinMs } = life;
  const stop = new AbortController();
  let late: NodeJS.Timeout | undefined;
  const onSignal = (signal: string) => () => {
    if (stop.signal.aborted) {
      host.exit(exitCodes.interrupted);
      return;
    }
    log.info({ signal }, 'closing');
    stop.abort();
    // Also where a start does not heed its signal.
    late = setTimeout(() => {
      log.error({ closeWithinMs }, 'not closed in time');
      host.exit(exitCodes.failed);
    }, closeWithinMs);
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'disconnect']) host.on(signal, onSignal(signal));
  if (host.connected === false) onSignal('disconnect')();
  for (const event of ['unhandledRejection', 'uncaughtException']) {
    host.on(event, (reason) => {
      log.fatal({ err: reason, event, unexpected: true }, 'an error that nobody handled');
      host.exit(exitCodes.internal);
    });
  }
  // Who started us need not read on after the line he waited for.
  host.stdout.on('error', () => undefined);

  try {
    return await lead(life, stop.signal);
  } finally {
    clearTimeout(late);
  }
}

async function lead({ name, start, log, host }: Life, stop: AbortSignal): Promise<number> {
  let running: Running;
  try {
    running = await start(stop);
  } catch (reason) {
    if (stop.aborted && isAbort(reason)) return exitCodes.ok;
    // A refusal of ours says all in its message; the stack is of use only for a bug.
    if (reason instanceof WireError) log.fatal(`cannot start: ${reason.message}`);
    else log.fatal({ err: reason }, 'cannot start');
    return exitCodes.failed;
  }
  if (running.finished === true) {
    host.stdout.write(`${name} is done\n`);
  } else if (!stop.aborted) {
    const where = running.urls.length === 0 ? '' : ` (${running.urls.join(', ')})`;
    host.stdout.write(`${name} is ready${where}\n`);
    const why = await Promise.race([aborted(stop), running.outdated ?? never]);
    if (why !== undefined) log.info({ why }, 'closing, to be started anew');
  }
  return close(running, log);
}

const never = new Promise<undefined>(() => undefined);

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}

async function close(running: Running, log: Logger): Promise<number> {
  try {
    await running.close();
    return exitCodes.ok;
  } catch (reason) {
    log.error({ err: reason }, 'not closed cleanly');
    return exitCodes.failed;
  }
}
