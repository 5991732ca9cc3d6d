// SPDX-License-Identifier: Apache-2.0
/**
 * Whether a wire carries packets: an echo from each of its client addresses to
 * each endpoint address of the same family. For `heal`; leaves nothing behind.
 */
import { status } from '@grpc/grpc-js';
import { isIP } from 'node:net';
import { ipOf } from '../api/chain/connection.js';
import { kernel } from '../api/elements/kernel-mechanism.js';
import { isAbort } from '../api/errors/to-status.js';
import { WireError } from '../api/errors/wire-error.js';
import type { Connection } from '../api/gen/connection.js';
import type { Logger } from '../api/log/log.js';
import { ping as kernelPing, type PingOptions } from '../bpf/ping/ping.js';

/** How it is asked. */
export interface LivenessOptions {
  /** The pings are spread over this time. */
  readonly timeoutMs: number;
  readonly log: Logger;
  /** For tests. */
  readonly ping?: (options: PingOptions) => Promise<number>;
}

/** Resolves to whether the wire is alive; rejects only when `signal` is aborted. */
export type Liveness = (connection: Connection, signal: AbortSignal) => Promise<boolean>;

const count = 4;

/**
 * A wire is dead when one pair gets no answer to any of its four pings. It is
 * taken for alive where nothing can be asked: no pairs, another mechanism, or
 * no right to ping (logged).
 */
export function liveness(options: LivenessOptions): Liveness {
  const { timeoutMs, log, ping = kernelPing } = options;
  let told = '';
  const answers = async (pair: Pair, signal: AbortSignal): Promise<boolean> => {
    try {
      const replies = await ping({ ...pair, count, enough: 1, timeoutMs, signal });
      told = '';
      return replies > 0;
    } catch (reason) {
      if (signal.aborted || isAbort(reason)) throw reason;
      // The same again and again, five times a second, tells nothing new.
      const text = String(reason);
      if (text !== told) log.warn({ err: reason, ...pair }, 'a wire cannot be pinged');
      told = text;
      return reason instanceof WireError && reason.code === status.PERMISSION_DENIED;
    }
  };
  return async (connection, signal) => {
    if (connection.mechanism?.type !== kernel.type) return true;
    const results = pairs(connection).map((pair) => answers(pair, signal));
    return (await Promise.all(results)).every((answered) => answered);
  };
}

interface Pair {
  readonly from: string;
  readonly to: string;
}

function pairs(connection: Connection): Pair[] {
  const { srcIpAddrs, dstIpAddrs } = ipOf(connection);
  const targets = dstIpAddrs.map(withoutMask);
  return srcIpAddrs
    .map(withoutMask)
    .flatMap((from) => targets.filter((to) => isIP(from) === isIP(to)).map((to) => ({ from, to })));
}

function withoutMask(prefix: string): string {
  return prefix.split('/', 1)[0] ?? prefix;
}
