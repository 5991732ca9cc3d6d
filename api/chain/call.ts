// SPDX-License-Identifier: Apache-2.0
/** What travels beside a Request or Close: its deadline, its logger, its connection's state. */
import type { Logger } from '../log/log.js';
import type { Clock } from './clock.js';
import type { ClientToken, Peer } from './peer.js';
import type { State } from './state.js';

export type { ClientToken } from './peer.js';

/** How a Request started by ourselves differs from the last one. */
export interface AgainOptions {
  /** Close first, forget mechanism and endpoint, and choose anew (RESELECT_REQUESTED). */
  readonly reselect?: boolean;
  /** Ends the attempt; without it the attempt has the chain's default deadline. */
  readonly signal?: AbortSignal;
}

/**
 * Starts a Request or Close of this connection from the top of its chain, in
 * line with all others of the same id. Timers and monitors use it; it outlives
 * the call it came with. Both are no-ops (resolve) once the connection has ended.
 */
export interface Again {
  /** Send the last Request again with the last answered Connection. */
  request(options?: AgainOptions): Promise<void>;
  /** Close the last answered Connection. */
  close(): Promise<void>;
}

/** Descriptors by URL (`inode://DEVICE/INODE`); what is put in is closed with the call. */
export interface Files {
  get(url: string): number | undefined;
  has(url: string): boolean;
  set(url: string, fd: number): unknown;
}

/** One Request or Close on its way through a chain. Immutable; elements pass on copies. */
export interface Call {
  /** Aborted when the deadline passes or the caller gives up. */
  readonly signal: AbortSignal;
  /** Milliseconds since 1970; the same moment at which `signal` is aborted. */
  readonly deadlineMs: number;
  /** Carries the connection's id once `begin` was passed. */
  readonly log: Logger;
  readonly clock: Clock;
  /** The connection's state; set by `begin`, shared by server and client side of a proxy. */
  readonly state: State;
  /** Set by `begin`. */
  readonly again: Again;
  /** What the caller sent as its token, if anything. */
  readonly token?: ClientToken;
  /** Who calls; none without TLS, and none for a call made within this process. */
  readonly peer?: Peer;
  /** Open files that the Request names, such as network namespaces; they end with the call. Set by `files`. */
  readonly files?: Files;
  /** The listen URL it came in on; none for a call made within this process. */
  readonly door?: string;
  /** Set by `begin` on a call of its own (`again`): no peer and no token stand behind it. */
  readonly own?: true;
}

/** What an undo or a late clean-up gets when nothing else is said, in milliseconds. */
export const lateMs = 5_000;

/**
 * The same call with a deadline of its own, deaf to the caller's giving up: for
 * undoing and closing after a failure (upstream's `postpone`).
 */
export function detached(call: Call, timeoutMs: number = lateMs): Call {
  return {
    ...call,
    signal: AbortSignal.timeout(timeoutMs),
    deadlineMs: call.clock.now() + timeoutMs,
  };
}
