// SPDX-License-Identifier: Apache-2.0
/**
 * The process `wanwire nsc-init`: asks for all wires of a pod before its own containers start, and
 * ends without closing them. A `wanwire nsc` of the same NSM_NAME, hence of the same connection
 * ids, takes them over (`recall.ts`) before their tokens expire; nobody refreshes them in between.
 */
import { systemClock, type Clock } from '../api/chain/clock.js';
import { openSecurity } from '../api/identity/security.js';
import type { Logger } from '../api/log/log.js';
import { assemble } from './assemble.js';
import { initChain } from './init-chain.js';
import type { Config } from './init-config.js';
import type { Wire } from './wire.js';

/** How it is started. */
export interface StartOptions {
  /** Ends it before all wires are up; those that are, are closed, and `start` rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
}

/** All wires are up. */
export interface Done {
  readonly urls: readonly string[];
  /** There is nothing to wait for. */
  readonly finished: true;
  /** Leaves the wires as they are. */
  close(): Promise<void>;
}

/** A process that is told to end is killed some seconds later. */
const closeMs = 5_000;
/** How often the log says what a pod is waiting for. */
const tellMs = 5_000;

/** Resolves when all wires are up, however long that takes; the log tells which is not, and why. */
export async function start(
  config: Config,
  log: Logger,
  { signal, clock = systemClock }: StartOptions = {},
): Promise<Done> {
  signal?.throwIfAborted();
  let asked: readonly Wire[] = [];
  // A client that waits for its manager has nothing else that keeps a process up.
  const alive = setInterval(() => tell(asked, log), tellMs);
  try {
    using security = await openSecurity(config, { name: config.NSM_NAME, log, clock, signal });
    const { wires, peers } = assemble({ config, security, clock, log, chain: initChain });
    using _peers = peers;
    asked = wires;
    let closing: Promise<unknown> | undefined;
    const onAbort = (): void => {
      closing ??= Promise.all(wires.map((wire) => wire.close(closeMs)));
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      await Promise.all(wires.map((wire) => wire.open()));
    } finally {
      signal?.removeEventListener('abort', onAbort);
      await closing;
      signal?.throwIfAborted();
    }
  } finally {
    clearInterval(alive);
  }
  return { urls: [], finished: true, close: () => Promise.resolve() };
}

/** The pod does not start meanwhile: whoever looks for the reason looks here. */
function tell(wires: readonly Wire[], log: Logger): void {
  for (const { id, service, trouble } of wires) {
    if (trouble !== undefined) log.info({ conn: id, service, why: trouble }, 'waiting for a wire');
  }
}
