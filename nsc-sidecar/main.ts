// SPDX-License-Identifier: Apache-2.0
/** The process `wanwire nsc`: the wires of one pod, asked for, kept and closed. */
import { systemClock, type Clock } from '../api/chain/clock.js';
import { begin } from '../api/elements/begin.js';
import { ConnectionEvents } from '../api/elements/connection-events.js';
import { ownNamespaceUrl } from '../api/elements/kernel-mechanism.js';
import { developmentTokens } from '../api/elements/tokens.js';
import {
  MonitorScopeSelector,
  type Connection,
  type ConnectionEvent,
} from '../api/gen/connection.js';
import { channels } from '../api/grpc/dial.js';
import type { Logger } from '../api/log/log.js';
import { clientChain } from './chain.js';
import type { Config } from './config.js';
import { liveness } from './liveness.js';
import { recall } from './recall.js';
import { Wire } from './wire.js';

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
  const parts = assemble(config, log, clock);
  const { events, wires, peers } = parts;
  // A client that waits for its manager has neither sockets nor timers that keep a process up.
  const alive = setInterval(() => undefined, longestTimerMs);
  const stop = new AbortController();
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await Promise.all(wires.map((wire) => wire.close(closeMs)));
    stop.abort();
    peers[Symbol.dispose]();
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

interface Parts {
  readonly events: ConnectionEvents;
  readonly wires: readonly Wire[];
  readonly peers: Disposable;
}

function assemble(config: Config, log: Logger, clock: Clock): Parts {
  const { NSM_NAME: name, NSM_CONNECT_TO: url, NSM_DIAL_TIMEOUT: timeoutMs } = config;
  const tokens = developmentTokens(name, config.NSM_MAX_TOKEN_LIFETIME, clock);
  const insecure = config.WANWIRE_INSECURE;
  const peers = channels({ dialTimeoutMs: timeoutMs, insecure, log, clock });
  // A URL that will never do is a mistake now, not a wire that is tried for ever.
  peers.acquire(url)[Symbol.dispose]();
  const events = new ConnectionEvents();
  const begun = begin({ attemptMs: config.NSM_REQUEST_TIMEOUT });
  const checkMs = config.NSM_LIVENESS_CHECK_TIMEOUT;
  const chain = clientChain({
    name,
    begin: begun,
    events,
    info: {
      nodeName: config.NODE_NAME,
      podName: config.POD_NAME,
      clusterName: config.CLUSTER_NAME,
    },
    connectTo: url,
    heal: {
      intervalMs: config.NSM_LIVENESS_CHECK_INTERVAL,
      timeoutMs: checkMs + livenessGraceMs,
      liveness: config.NSM_LIVENESS_CHECK_ENABLED
        ? liveness({ timeoutMs: checkMs, log })
        : undefined,
    },
    namespaceUrl: ownNamespaceUrl(),
    channels: peers,
    tokens,
  });
  const known = { channels: peers, url, tokens, timeoutMs, clock, log };
  const options = {
    chain,
    adopt: (connection: Connection) => begun.adopt(connection),
    recall: (id: string, signal: AbortSignal) => recall(known, id, signal),
    requestTimeoutMs: config.NSM_REQUEST_TIMEOUT,
    clock,
    log,
  };
  // Where several lead to one place, the first in the list is preferred.
  const wires = config.NSM_NETWORK_SERVICES.map(
    (wish, at) => new Wire(`${name}-${String(at)}`, wish, { ...options, metric: at }),
  );
  return { events, wires, peers };
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
