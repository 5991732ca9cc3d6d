// SPDX-License-Identifier: Apache-2.0
/** Reading again and again: once a second until Ctrl-C, or twice for a rate. */
import { setTimeout as sleep } from 'node:timers/promises';
import { InvalidArgumentError, type Command } from 'commander';
import { WireError } from '../../api/errors/wire-error.js';
import { printable } from '../table.js';

/** What the options say. */
export interface WatchOptions {
  readonly watch?: boolean;
  readonly every?: number;
  readonly rate?: boolean;
  readonly json?: boolean;
}

/** Where a view is written. */
export interface Screen {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** One read, and how it is shown. */
export interface View<T> {
  readonly read: () => Promise<T> | T;
  /** `before` is the read before it, where there is one. */
  readonly text: (now: T, before: T | undefined) => string;
  readonly json: (now: T, before: T | undefined) => unknown;
}

const secondMs = 1_000;
const home = '\u001b[H\u001b[2J';

/** Add the options to a command. */
export function withWatchOptions(command: Command): Command {
  return command
    .option('--watch', 'read again every second, until Ctrl-C; shows rates')
    .option('--every <seconds>', 'with --watch: how often', everySeconds)
    .option('--rate', 'read twice, a second apart, to show rates')
    .option('--json', 'one JSON object; with --watch one a line');
}

/** Show a view as the options say. */
export async function show<T>(
  view: View<T>,
  { watch = false, every = 1, rate = false, json = false }: WatchOptions,
  screen: Screen = process.stdout,
  signal: AbortSignal = untilInterrupted(),
): Promise<void> {
  const print = (now: T, before: T | undefined): void => {
    if (json) screen.write(`${JSON.stringify(view.json(now, before))}\n`);
    else if (watch && screen.isTTY === true) screen.write(`${home}${view.text(now, before)}`);
    else screen.write(`${view.text(now, before)}${watch ? '\n' : ''}`);
  };
  const first = await view.read();
  if (!watch) {
    if (!rate) {
      print(first, undefined);
      return;
    }
    await pause(secondMs, signal);
    if (!signal.aborted) print(await view.read(), first);
    return;
  }
  print(first, undefined);
  let before = first;
  for (;;) {
    await pause(every * secondMs, signal);
    if (signal.aborted) return;
    const now = await again(view);
    if (now === undefined) continue;
    print(now, before);
    before = now;
  }
}

/** A forwarder that makes its plane anew is waited for. */
async function again<T>(view: View<T>): Promise<T | undefined> {
  try {
    return await view.read();
  } catch (reason) {
    if (!(reason instanceof WireError)) throw reason;
    process.stderr.write(`wanwire: ${printable(reason.message)}\n`);
    return undefined;
  }
}

function everySeconds(text: string): number {
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (seconds >= 0.1 && seconds <= 86_400) return seconds;
  throw new InvalidArgumentError('want a number of seconds, 0.1 to 86400.');
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}

/** Aborted by Ctrl-C, by SIGTERM, and when nobody reads what is written. */
export function untilInterrupted(): AbortSignal {
  const stop = new AbortController();
  const abort = (): void => stop.abort();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, abort);
  // `wanwire sessions --watch | head` ends when head does.
  process.stdout.on('error', abort);
  return stop.signal;
}
