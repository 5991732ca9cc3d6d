// SPDX-License-Identifier: Apache-2.0
/**
 * ICMP echo without privileges: the ping addon's only door into JavaScript.
 * The kernel hands out ping sockets to the groups of the sysctl
 * `net.ipv4.ping_group_range` (IPv6 too); a forwarder opens it in a client's
 * namespace. Leaves nothing behind: each `ping` closes its socket.
 */
import { createRequire } from 'node:module';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { constants } from 'node:os';
import { KernelError } from '../../api/errors/kernel-error.js';

declare const brand: unique symbol;
/** A `napi_external`; the addon's finaliser closes it if we forget. */
type Handle = object & { readonly [brand]: 'pinger' };

interface Native {
  open(from: string, to: string, onReply: (sequence: number) => void): Handle;
  send(handle: Handle, sequence: number): void;
  close(handle: Handle): void;
}
const native = createRequire(import.meta.url)('#ping') as Native;

/** Whom to ask, how often, and how long to wait. */
export interface PingOptions {
  /** The address to ask from, without prefix length; the kernel chooses where it is not given. */
  readonly from?: string;
  /** The address to ask, without prefix length, of the same family. */
  readonly to: string;
  /** How many echoes to send, spread evenly over the time; 4 where not given. */
  readonly count?: number;
  /** Resolve when so many were answered; `count` where not given. */
  readonly enough?: number;
  /** The time for all of them. */
  readonly timeoutMs: number;
  /** Ends it early; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/**
 * The number of echoes that were answered; resolves as soon as enough were. An
 * echo that could not be sent counts as unanswered. Rejects with a
 * `KernelError` where there can be no socket: EACCES outside
 * `ping_group_range`, EADDRNOTAVAIL for a `from` that is not ours.
 */
export async function ping(options: PingOptions): Promise<number> {
  const { from = '', to, count = 4, enough = count, timeoutMs, signal } = options;
  signal?.throwIfAborted();
  const unanswered = new Set<number>();
  const done = new AbortController();
  const finish = (): void => {
    done.abort();
  };
  let replies = 0;
  const handle = open(from, to, (sequence) => {
    if (unanswered.delete(sequence) && ++replies === enough) finish();
  });
  signal?.addEventListener('abort', finish, { once: true });
  try {
    for (let sequence = 1; sequence <= count; sequence++) {
      unanswered.add(sequence);
      send(handle, sequence);
      await setTimeout(timeoutMs / count, undefined, { signal: done.signal });
    }
    // What came while this process got no CPU lies in the socket, and is read in this turn.
    await setImmediate(undefined, { signal: done.signal });
  } catch (reason) {
    signal?.throwIfAborted();
    if (replies < enough) throw reason;
  } finally {
    signal?.removeEventListener('abort', finish);
    native.close(handle);
  }
  return replies;
}

function open(from: string, to: string, onReply: (sequence: number) => void): Handle {
  const op = `ping ${to}${from === '' ? '' : ` from ${from}`}`;
  try {
    return native.open(from, to, onReply);
  } catch (reason) {
    if (reason instanceof Error && 'errno' in reason && reason.errno === constants.errno.EACCES) {
      const cure = 'the group of this process is outside the sysctl net.ipv4.ping_group_range';
      throw new KernelError(constants.errno.EACCES, op, cure);
    }
    throw KernelError.from(op, reason);
  }
}

function send(handle: Handle, sequence: number): void {
  try {
    native.send(handle, sequence);
  } catch {
    // No route, link down, or the ICMP error of an earlier echo: this one will not be answered.
  }
}
