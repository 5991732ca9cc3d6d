// SPDX-License-Identifier: Apache-2.0
/** Servers and clients with identities of a test's own authorities. */
import { pino } from 'pino';
import type { Test } from 'tap';
import type { Call } from '../../api/chain/call.js';
import { systemClock } from '../../api/chain/clock.js';
import type { Chain } from '../../api/chain/element.js';
import { channels } from '../../api/grpc/dial.js';
import { serve, type ServeOptions, type Serving } from '../../api/grpc/serve.js';
import type { Security } from '../../api/identity/security.js';
import type { Bundles } from '../../api/identity/types.js';
import { silentLogger, type Logger } from '../../api/log/log.js';
import { authority, svid, TestSource } from './certificates.js';
import { socketUrl } from './grpc-pair.js';

/** Two authorities, and who is who in the first. */
export const edge = await authority('edge.test');
export const other = await authority('other.test');
export const clientId = 'spiffe://edge.test/client';
export const serverId = 'spiffe://edge.test/server';
/** Both are trusted. */
export const trusted: Bundles = new Map([
  ['edge.test', [edge.certificate]],
  ['other.test', [other.certificate]],
]);

/** A logger whose lines can be read. */
export function listening(): { log: Logger; text: () => string } {
  const lines: string[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => lines.push(line) });
  return { log, text: () => lines.join('') };
}

/** A chain, and what came to it. */
export interface Seen {
  readonly calls: Call[];
  readonly chain: Chain;
}

/** A chain that keeps each call. */
export function seeing(act: (call: Call) => Promise<void> = () => Promise.resolve()): Seen {
  const calls: Call[] = [];
  const chain: Chain = {
    async request(call, { connection }) {
      calls.push(call);
      await act(call);
      return connection;
    },
    close: () => Promise.resolve(),
  };
  return { calls, chain };
}

/** A server on a unix socket and on TCP. */
export async function serving(
  t: Test,
  security: Security,
  change: Partial<ServeOptions>,
): Promise<Serving> {
  const log = silentLogger();
  const listenOn = [await socketUrl(t), 'tcp://127.0.0.1:0'];
  const server = await serve({
    listenOn,
    security,
    log,
    clock: systemClock,
    ...change,
  });
  t.teardown(() => server.close(0));
  return server;
}

/** All channels of one client. */
export function dialling(t: Test, security: Security, dialTimeoutMs = 2_000, more = {}) {
  const all = channels({ security, dialTimeoutMs, log: silentLogger(), ...more });
  t.teardown(() => {
    all[Symbol.dispose]();
  });
  return all;
}

/** Why a call failed: it is made again where a busy machine did not come to `words` in the time to dial. */
export async function reasonOf(words: RegExp, call: () => Promise<unknown>): Promise<unknown> {
  for (;;) {
    const reason = await call().catch((why: unknown) => why);
    const text = String(reason);
    if (words.test(text) || !/within \d+ ms/.test(text)) return reason;
  }
}

/** An identity of the first authority. */
export const good = async (id: string, bundles = trusted) =>
  new TestSource(await svid(edge, id), bundles);
