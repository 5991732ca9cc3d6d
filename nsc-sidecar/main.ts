// SPDX-License-Identifier: Apache-2.0
/** The process `wanwire nsc`: the wires of one pod, asked for, kept and closed. */
import { systemClock, type Clock } from '../api/chain/clock.js';
import { ConnectionEvents } from '../api/elements/connection-events.js';
import {
  MonitorScopeSelector,
  type Connection,
  type ConnectionEvent,
} from '../api/gen/connection.js';
import { openSecurity } from '../api/identity/security.js';
import type { Logger } from '../api/log/log.js';
import { assemble } from './assemble.js';
import { clientChain } from './chain.js';
import type { Config } from './config.js';
import { liveness } from './liveness.js';

/** How a client is started. */
export interface StartOptions {
  /** Ends it before it is ready; `start` then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Told of every change of a wire: UPDATE (its state may be DOWN) and DELETE. */
  readonly onChange?: (event: ConnectionEvent) => void;
  readonly clock?: Clock;
}

/** A client with at least one wire up (or all of them, see WANWIRE_START_WHEN). */
export interface Client {
  /** A client serves nothing. */
  readonly urls: readonly string[];
  /** The wires that are up, or were: interface, addresses, routes and path. */
  readonly connections: readonly Connection[];
  /** Close every wire, each within some seconds, and stop. Never rejects. */
  close(): Promise<void>;
}

/** A process that is told to end is killed some seconds later. */
const closeMs = 5_000;
const longestTimerMs = 2 ** 31 - 1;
/** A liveness check ends itself; this ends one that does not. */
const livenessGraceMs = 1_000;

/** Start to ask for all wires; resolves when the client is ready, rejects where the environment cannot be right. */
export async function start(
  config: Config,
  log: Logger,
  { signal, onChange, clock = systemClock }: StartOptions = {},
): Promise<Client> {
  signal?.throwIfAborted();
  const { NSM_NAME: name } = config;
  const security = await openSecurity(config, { name, log, clock, signal });
  const events = new ConnectionEvents();
  const { wires, peers } = assemble({
    ...{ config, security, clock, log },
    chain: (parts) => clientChain({ ...parts, events, heal: healing(config, log) }),
  });
  // A client that waits for its manager has neither sockets nor timers that keep a process up.
  const alive = setInterval(() => undefined, longestTimerMs);
  const stop = new AbortController();
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await Promise.all(wires.map((wire) => wire.close(closeMs)));
    stop.abort();
    peers[Symbol.dispose]();
    security[Symbol.dispose]();
    clearInterval(alive);
  };
  const closeOnce = (): Promise<void> => (closing ??= close());
  const onAbort = (): void => void closeOnce();
  signal?.addEventListener('abort', onAbort, { once: true });
  if (onChange !== undefined) void tell(events, stop.signal, onChange);
  try {
    const opened = wires.map((wire) => wire.open());
    await (config.WANWIRE_START_WHEN === 'all' ? Promise.all(opened) : Promise.any(opened));
  } catch (reason) {
    await closeOnce();
    signal?.throwIfAborted();
    throw reason;
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
  return {
    urls: [],
    get connections() {
      return wires.flatMap(({ id }) => events.get(id) ?? []);
    },
    close: closeOnce,
  };
}

function healing(config: Config, log: Logger) {
  const checkMs = config.NSM_LIVENESS_CHECK_TIMEOUT;
  return {
    intervalMs: config.NSM_LIVENESS_CHECK_INTERVAL,
    timeoutMs: checkMs + livenessGraceMs,
    liveness: config.NSM_LIVENESS_CHECK_ENABLED ? liveness({ timeoutMs: checkMs, log }) : undefined,
  };
}

async function tell(
  events: ConnectionEvents,
  signal: AbortSignal,
  onChange: (event: ConnectionEvent) => void,
): Promise<void> {
  for await (const event of events.subscribe(MonitorScopeSelector.create(), signal)) {
    if (Object.keys(event.connections).length > 0) onChange(event);
  }
}
