// SPDX-License-Identifier: Apache-2.0
/** Follows the sessions of a running forwarder, over its operator's socket. */
import { status } from '@grpc/grpc-js';
import { z } from 'zod';
import { WireError } from '../api/errors/wire-error.js';
import type { SessionEvent } from '../forwarder/operator/session-event.js';
import type { ForwarderSocket } from './operator-client.js';
import { operatorLines } from './operator-lines.js';

const change = z.looseObject({
  at: z.number(),
  kind: z.enum(['present', 'create', 'move', 'close']),
  wire: z.looseObject({
    id: z.string(),
    client: z.string(),
    service: z.string(),
    interface: z.string(),
  }),
  protocol: z.string(),
  source: z.string(),
  destination: z.string(),
  class: z.string(),
  rule: z.string(),
  strand: z.string(),
  link: z.string(),
  from: z.string().exactOptional(),
  generation: z.int(),
});
const lost = z.object({ at: z.number(), kind: z.literal('lost'), count: z.int() });
const anEvent = z.union([change, lost]);

/**
 * Each event as it comes, the sessions that are there first. Ends with the signal, and where the
 * forwarder ends it; throws UNAVAILABLE where there is none, and what it says where it refuses.
 * `begun` is called once it has let us in.
 */
export async function* followSessions(
  node: ForwarderSocket,
  signal: AbortSignal,
  begun?: () => void,
): AsyncGenerator<SessionEvent> {
  const question = { path: '/sessions/events', signal, begun };
  for await (const line of operatorLines(node, question)) yield eventOf(node, line);
}

function eventOf({ name }: ForwarderSocket, line: string): SessionEvent {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    // Told below.
  }
  const { success, data } = anEvent.safeParse(value);
  if (success) return data;
  throw new WireError(
    status.INTERNAL,
    `forwarder ${name} tells events as another version of wanwire does: ${line.slice(0, 200)}`,
  );
}
