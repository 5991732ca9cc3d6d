// SPDX-License-Identifier: Apache-2.0
/** Ask one next hop after the other until one answers; what `roundRobin` and `discoverForwarder` share. */
import { status } from '@grpc/grpc-js';
import type { Call } from '../chain/call.js';
import { Deadline } from '../chain/deadline.js';
import { WireError } from '../errors/wire-error.js';
import type { Connection } from '../gen/connection.js';
import { chosenKey, type Chosen } from './candidates.js';
import { nextHop } from './next-hop.js';

/**
 * Asks each in order with `nextHop` set; the one that answers is remembered.
 * One that hangs gets half of the time that is left, so that the next has a
 * chance. When none answers, `nextHop` is as it was and the error names all.
 */
export async function tryInTurn(
  call: Call,
  hops: readonly Chosen[],
  ask: (call: Call, hop: Chosen) => Promise<Connection>,
): Promise<Connection> {
  const before = call.state.get(nextHop);
  const failures: { readonly hop: Chosen; readonly reason: unknown }[] = [];
  for (const hop of hops) {
    call.state.set(nextHop, hop.url);
    try {
      const isLast = hop === hops.at(-1);
      const answer = isLast ? await ask(call, hop) : await inHalfTheTime(call, hop, ask);
      call.state.set(chosenKey, hop);
      return answer;
    } catch (reason) {
      failures.push({ hop, reason });
      if (call.signal.aborted) break;
      if (hops.length > 1) call.log.info({ hop: hop.name, err: reason }, 'failed: trying the next');
    }
  }
  if (before === undefined) call.state.delete(nextHop);
  else call.state.set(nextHop, before);
  throw summary(failures);
}

async function inHalfTheTime(
  call: Call,
  hop: Chosen,
  ask: (call: Call, hop: Chosen) => Promise<Connection>,
): Promise<Connection> {
  const leftMs = call.deadlineMs - call.clock.now();
  using half = new Deadline(call.clock, leftMs / 2, call.signal);
  return await ask(half.over(call), hop);
}

/** A single failure as it is; several under the code they share. */
function summary(failures: readonly { readonly hop: Chosen; readonly reason: unknown }[]): unknown {
  const [first, ...others] = failures;
  if (first === undefined) return new WireError(status.NOT_FOUND, 'nobody to ask');
  if (others.length === 0) return first.reason;
  const codes = new Set(failures.map(({ reason }) => codeOf(reason)));
  const texts = failures.map(({ hop, reason }) => `${hop.name}: ${textOf(reason)}`);
  const code = codes.size === 1 ? codeOf(first.reason) : status.UNAVAILABLE;
  return new WireError(code, texts.join('; '), { cause: first.reason });
}

function codeOf(reason: unknown): status {
  return reason instanceof WireError ? reason.code : status.INTERNAL;
}

/** A bug's text is withheld here, too. */
function textOf(reason: unknown): string {
  return reason instanceof WireError ? reason.message : 'internal error';
}
