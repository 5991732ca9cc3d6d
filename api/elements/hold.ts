// SPDX-License-Identifier: Apache-2.0
/**
 * Keeps a wire to another site while that site's manager cannot be asked: a refresh is
 * answered with what was answered last.
 *
 * When: on the way in, around the rest. A refresh gets half of the time there is, so that
 * there is some left to answer it from memory.
 * Where: in a forwarder's client chain, after whoever sets the mechanism and right
 * before `follow` and `remote`; `nextHop` must be set.
 * Leaves: nothing; whoever adopts a wire after a crash calls `rememberAnswer`.
 *
 * Only a wire that stands is held, for the endpoint it has, while it is usable, and
 * at most so long since the other site last answered. A site that has just been restarted
 * does not know its services for a moment: NOT_FOUND is waited out, for a minute.
 */
import { status } from '@grpc/grpc-js';
import type { Call } from '../chain/call.js';
import { ownSegment, pathOf, timestampMs } from '../chain/connection.js';
import { Deadline } from '../chain/deadline.js';
import type { Request, Step } from '../chain/element.js';
import { stateKey, type State } from '../chain/state.js';
import { UnreachableError } from '../errors/unreachable-error.js';
import { WireError } from '../errors/wire-error.js';
import type { Connection } from '../gen/connection.js';
import type { PathTrust } from '../identity/path-trust.js';
import { nextHop } from './next-hop.js';
import { otherSiteOf } from './other-site.js';

/** How long and while what. */
export interface HoldOptions {
  /** Since the other site's last answer (`WANWIRE_HOLD`). */
  readonly holdMs: number;
  /** Whether the wire carries (by this hop's id); yes where not given. */
  readonly usable?: (id: string) => boolean;
  /** Whether all in its path are trusted now; yes where not given. A withdrawn site's wire stands until its tokens end. */
  readonly trusts?: PathTrust;
  /** Whether nothing of it reaches the other side: then one that answers at all, and refuses, means it. */
  readonly isAway?: (id: string) => boolean;
}

interface Answered {
  readonly answer: Connection;
  readonly atMs: number;
  /** Since when the other site says that it does not know it. */
  unknownMs?: number | undefined;
  isHeld: boolean;
}
const answered = stateKey<Answered>('hold');

/** How long a site may not know what it knew. */
const restartMs = 60_000;

/** What a former life of this process was answered last, as it stands in the client chain (the mechanism is ours, not the caller's). */
export function rememberAnswer(state: State, answer: Connection, atMs: number): void {
  state.set(answered, { answer, atMs, isHeld: false });
}

/** The element. */
export function hold(options: HoldOptions): Step {
  return {
    kind: 'step',
    name: 'hold',

    async request(call, request, next) {
      const site = otherSiteOf(request.connection, call.state.get(nextHop));
      if (site === undefined) return await next(call, request);
      const before = call.state.get(answered);
      try {
        const answer = await inTime(call, before, (within) => next(within, request));
        if (before?.isHeld === true) call.log.info({ site }, 'another site answers again');
        rememberAnswer(call.state, answer, call.clock.now());
        return answer;
      } catch (reason) {
        if (before === undefined || !mayHold(call, request, before, reason, options)) {
          throw explained(reason, site);
        }
        if (!before.isHeld) call.log.warn({ site, err: reason }, 'holding a wire without its site');
        before.isHeld = true;
        return kept(before.answer, request.connection);
      }
    },

    close(call) {
      call.state.delete(answered);
      return Promise.resolve();
    },
  };
}

async function inTime(
  call: Call,
  before: Answered | undefined,
  ask: (call: Call) => Promise<Connection>,
): Promise<Connection> {
  if (before === undefined) return await ask(call);
  using half = new Deadline(call.clock, (call.deadlineMs - call.clock.now()) / 2, call.signal);
  return await ask(half.over(call));
}

const away: ReadonlySet<status> = new Set([status.UNAVAILABLE, status.DEADLINE_EXCEEDED]);

function mayHold(
  call: Call,
  { connection }: Request,
  before: Answered,
  reason: unknown,
  { holdMs, usable, isAway, trusts }: HoldOptions,
): boolean {
  const now = call.clock.now();
  if (call.signal.aborted || !(reason instanceof WireError)) return false;
  const isAnswer =
    !(reason instanceof UnreachableError) && reason.code !== status.DEADLINE_EXCEEDED;
  if (isAnswer && isAway?.(ownSegment(connection).id) === true) return false;
  if (reason.code === status.NOT_FOUND) {
    before.unknownMs ??= now;
    if (now - before.unknownMs >= restartMs) return false;
  } else if (away.has(reason.code)) before.unknownMs = undefined;
  else return false;
  const { networkService, networkServiceEndpointName: endpoint } = before.answer;
  const isSame =
    connection.networkService === networkService &&
    connection.networkServiceEndpointName === endpoint;
  const isTrusted = trusts?.(before.answer) !== false || now < endOf(before.answer);
  const isInTime = now - before.atMs < holdMs;
  return isSame && isTrusted && isInTime && usable?.(ownSegment(connection).id) !== false;
}

/** When the first token in its path ends; milliseconds since 1970. */
function endOf(answer: Connection): number {
  const ends = pathOf(answer).pathSegments.map(({ expires }) => expires);
  return Math.min(...ends.map((end) => (end === undefined ? Infinity : timestampMs(end))));
}

/**
 * The last answer under the caller's path and labels. Those behind us cannot issue tokens
 * now; they count as good as ours, or the client would refresh without pause.
 */
function kept(answer: Connection, asked: Connection): Connection {
  const path = pathOf(asked);
  const { expires } = ownSegment(asked);
  const before = path.pathSegments.slice(0, path.index + 1);
  const behind = pathOf(answer).pathSegments.slice(path.index + 1);
  const pathSegments = [
    ...before,
    ...behind.map((segment) =>
      expires !== undefined &&
      (segment.expires === undefined || timestampMs(segment.expires) < timestampMs(expires))
        ? { ...segment, expires }
        : segment,
    ),
  ];
  return { ...answer, id: asked.id, labels: asked.labels, path: { ...path, pathSegments } };
}

/** Which site it was. */
function explained(reason: unknown, site: string): unknown {
  if (!(reason instanceof WireError) || !away.has(reason.code)) return reason;
  const text = `site ${site}: ${reason.message}`;
  return reason instanceof UnreachableError
    ? new UnreachableError(text, { cause: reason })
    : new WireError(reason.code, text, { cause: reason });
}
