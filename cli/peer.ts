// SPDX-License-Identifier: Apache-2.0
/** The connection of `find`, `monitor` and the like to a manager: one session, or one that is taken up again when it breaks. */
import { status } from '@grpc/grpc-js';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../api/chain/clock.js';
import { common } from '../api/env/common.js';
import { duration } from '../api/env/duration.js';
import { environment, readEnvironment } from '../api/env/read-environment.js';
import type { Table } from '../api/env/table.js';
import { name } from '../api/env/text.js';
import { url } from '../api/env/urls.js';
import { WireError } from '../api/errors/wire-error.js';
import type { Channel } from '../api/grpc/channel.js';
import { channels } from '../api/grpc/dial.js';
import { openSecurity } from '../api/identity/security.js';
import { processLogger, type Logger } from '../api/log/log.js';
import { exitCodes } from './exit-codes.js';

const { NSM_LOG_LEVEL, NSM_MAX_TOKEN_LIFETIME, SPIFFE_ENDPOINT_SOCKET, WANWIRE_INSECURE } = common;

/** The environment of a command that asks a manager. */
export const peerTable = {
  NSM_CONNECT_TO: url({
    default: 'unix:///var/lib/networkservicemesh/nsm.io.sock',
    description: 'Where the manager listens; --connect-to goes before it.',
  }),
  NSM_NAME: name({ default: 'wanwire', description: 'The name in its tokens.' }),
  NSM_DIAL_TIMEOUT: duration({
    default: '5s',
    description: 'How long a connection to the manager may take to come up.',
  }),
  SPIFFE_ENDPOINT_SOCKET,
  WANWIRE_INSECURE,
  NSM_MAX_TOKEN_LIFETIME,
  NSM_LOG_LEVEL: { ...NSM_LOG_LEVEL, default: 'WARN' },
} as const satisfies Table;

/** What a command does with the manager. */
export interface Session {
  readonly channel: Channel;
  readonly log: Logger;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}

/** How a session is led. */
export interface PeerOptions {
  /** Goes before NSM_CONNECT_TO. */
  readonly connectTo?: string | undefined;
  /** Begin anew when the manager goes away, until Ctrl-C. */
  readonly follow: boolean;
}

const firstPauseMs = 200;
const longestPauseMs = 5_000;

/** Do `act` with the manager; resolves to the exit code. Ctrl-C is a clean end. */
export async function withManager(
  { connectTo, follow }: PeerOptions,
  act: (session: Session) => Promise<number>,
): Promise<number> {
  const over = connectTo === undefined ? {} : { NSM_CONNECT_TO: connectTo };
  const { config } = readEnvironment(peerTable, { ...environment(), ...over });
  const signal = untilInterrupted();
  const log = processLogger(config.NSM_NAME, config.NSM_LOG_LEVEL);
  const url = config.NSM_CONNECT_TO;
  const { NSM_NAME: name, NSM_DIAL_TIMEOUT: dialTimeoutMs } = config;
  try {
    using security = await openSecurity(config, { name, log, clock: systemClock, signal });
    using peers = channels({ security, dialTimeoutMs, log });
    using channel = peers.acquire(url);
    const session = { channel, log, signal };
    return await (follow ? again(session, act) : act(session));
  } catch (reason) {
    if (signal.aborted) return exitCodes.ok;
    if (!(reason instanceof WireError)) throw reason;
    complain(inWords(url, reason));
    return exitCodes.unavailable;
  }
}

async function again(session: Session, act: (session: Session) => Promise<number>) {
  const { channel, signal } = session;
  const stopped = (): boolean => signal.aborted;
  let pauseMs = firstPauseMs;
  while (!stopped()) {
    const began = Date.now();
    const why = await reasonOfEnd(channel.url, () => act(session));
    if (stopped()) break;
    complain(`${why}; trying again`);
    pauseMs = Date.now() - began > longestPauseMs ? firstPauseMs : pauseMs * 2;
    const waitMs = Math.min(pauseMs, longestPauseMs);
    await sleep(waitMs, undefined, { signal }).catch(() => undefined);
  }
  return exitCodes.ok;
}

async function reasonOfEnd(url: string, act: () => Promise<number>): Promise<string> {
  try {
    await act();
    return `${url}: the stream ended`;
  } catch (reason) {
    // What is refused for good is not tried again.
    if (!(reason instanceof WireError) || reason.code !== status.UNAVAILABLE) throw reason;
    return inWords(url, reason);
  }
}

function inWords(url: string, { message, code }: WireError): string {
  const where = message.includes(url) ? '' : `${url}: `;
  const hint = code === status.UNAVAILABLE ? ' (is the manager running there?)' : '';
  return `${where}${message.trim()}${hint}`;
}

function untilInterrupted(): AbortSignal {
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => {
      stop.abort();
    });
  }
  // `wanwire monitor | head` ends when head does.
  process.stdout.on('error', () => {
    stop.abort();
  });
  return stop.signal;
}

function complain(text: string): void {
  process.stderr.write(`wanwire: ${text}\n`);
}
