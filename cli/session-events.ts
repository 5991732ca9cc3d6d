// SPDX-License-Identifier: Apache-2.0
/** Follows the sessions of a running forwarder, over its operator's socket. */
import { request, type IncomingMessage } from 'node:http';
import { status } from '@grpc/grpc-js';
import { z } from 'zod';
import { WireError } from '../api/errors/wire-error.js';
import type { SessionEvent } from '../forwarder/operator/session-event.js';
import { unanswered, refusal, type ForwarderSocket } from './operator-client.js';

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

/** How long it may take to be let in, in milliseconds. */
const patienceMs = 5_000;

/**
 * Each event as it comes, the sessions that are there first. Ends with the signal, and where the
 * forwarder ends it; throws UNAVAILABLE where there is none, and what it says where it refuses.
 * `begun` is called once it has let us in.
 */
export async function* followSessions(
  node: ForwarderSocket,
  signal: AbortSignal,
  begun: () => void = () => undefined,
): AsyncGenerator<SessionEvent> {
  const answer = await ask(node, signal);
  if (answer === undefined) return;
  if (answer.statusCode !== 200) throw refusal(answer.statusCode ?? 0, await textOf(answer));
  begun();
  for await (const line of linesOf(answer, signal)) yield eventOf(node, line);
}

/** Nothing where the signal came first. */
function ask(node: ForwarderSocket, signal: AbortSignal): Promise<IncomingMessage | undefined> {
  return new Promise((resolve, reject) => {
    const path = '/sessions/events';
    const asking = request({ socketPath: node.socket, path, signal }, resolve);
    asking.setTimeout(patienceMs, () => {
      asking.destroy(new DOMException('no answer', 'TimeoutError'));
    });
    // Once it answers it may say nothing for days.
    asking.on('response', () => asking.setTimeout(0));
    asking.on('error', (reason) => {
      if (signal.aborted) resolve(undefined);
      else reject(unanswered(node, reason, patienceMs));
    });
    asking.end();
  });
}

async function* linesOf(answer: IncomingMessage, signal: AbortSignal): AsyncGenerator<string> {
  let rest = '';
  try {
    for await (const part of answer.setEncoding('utf8') as AsyncIterable<string>) {
      const lines = (rest + part).split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
    }
  } catch (reason) {
    // A forwarder that was killed says no goodbye.
    const code = (reason as { code?: string }).code;
    if (!signal.aborted && code !== 'ECONNRESET') throw reason;
  }
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

async function textOf(answer: IncomingMessage): Promise<string> {
  let text = '';
  for await (const part of answer.setEncoding('utf8') as AsyncIterable<string>) text += part;
  return text;
}
