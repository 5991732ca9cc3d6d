// SPDX-License-Identifier: Apache-2.0
/** Benchmarks that leave something on the machine when they are just ended: told to end, they take it away first. */
import { unlessStopped } from '../../cli/demo/unless-stopped.js';

/** Somebody wants the end; what was begun has been taken away. */
export class Stopped extends Error {
  override readonly name = 'Stopped';
}

/** What is taken away at the end, however that comes. */
export interface Stage<T> {
  readonly open: (signal: AbortSignal) => Promise<T & AsyncDisposable>;
  readonly play: (stage: T) => Promise<void>;
}

/**
 * Open, play, and take away; at SIGINT, SIGTERM or SIGHUP at once, or once it is open. Rejects with {@link Stopped} then, and
 * with what the play rejects with.
 */
export async function untilStopped<T>({ open, play }: Stage<T>): Promise<void> {
  const stop = new AbortController();
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const onSignal = (signal: NodeJS.Signals): void => {
    stop.abort(new Stopped(`stopped by ${signal}`));
  };
  for (const signal of signals) process.on(signal, onSignal);
  try {
    await using stage = await open(stop.signal);
    await unlessStopped(play(stage), stop.signal);
  } catch (reason) {
    // Whatever failed when all was being taken away.
    throw stop.signal.aborted ? (stop.signal.reason as Error) : reason;
  } finally {
    for (const signal of signals) process.off(signal, onSignal);
  }
}
