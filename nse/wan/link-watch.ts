// SPDX-License-Identifier: Apache-2.0
/**
 * Follows how good this node's links are, at the operator's socket of its forwarder
 * (`GET /quality/watch`). While that does not answer nothing is told, and it is tried again.
 */
import { request, type IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { delay, type Clock } from '../../api/chain/clock.js';
import type { Logger } from '../../api/log/log.js';
import { Backoff } from '../../api/registry/backoff.js';
import type { LinkFigures } from './link-labels.js';

/** What {@link watchLinks} works with. */
export interface LinkWatchOptions {
  /** Path of the socket. */
  readonly socket: string;
  /** Called with all links, whenever one changed. */
  readonly told: (links: readonly LinkFigures[]) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

const schema = z.object({
  links: z.array(
    z.object({
      name: z.string(),
      state: z.enum(['up', 'degraded', 'down']),
      rttMs: z.number().nullable(),
      lossPercent: z.number().nullable(),
    }),
  ),
});

/** See the head of this file; until disposed. */
export function watchLinks(options: LinkWatchOptions): Disposable {
  const stop = new AbortController();
  run(options, stop.signal).catch((reason: unknown) => {
    if (!stop.signal.aborted) options.log.error({ err: reason }, 'links are not followed');
  });
  return {
    [Symbol.dispose]: () => {
      stop.abort();
    },
  };
}

async function run(options: LinkWatchOptions, signal: AbortSignal): Promise<void> {
  const { socket, clock, log } = options;
  const backoff = new Backoff();
  let failure = '';
  for (;;) {
    try {
      await read(options, signal, () => {
        backoff.reset();
        failure = '';
      });
    } catch (reason) {
      if (signal.aborted) return;
      // It may be away for long: said once.
      const text = String(reason);
      if (text !== failure)
        log.info({ socket, err: reason }, 'the forwarder tells nothing of links');
      failure = text;
    }
    await delay(clock, backoff.next(), signal);
  }
}

async function read(
  { socket, told }: LinkWatchOptions,
  signal: AbortSignal,
  heard: () => void,
): Promise<void> {
  const answer = await ask(socket, signal);
  if (answer.statusCode !== 200) {
    answer.destroy();
    throw new Error(`GET /quality/watch: HTTP ${String(answer.statusCode)}`);
  }
  for await (const line of createInterface({ input: answer })) {
    const { links } = schema.parse(JSON.parse(line));
    heard();
    told(links);
  }
}

function ask(socketPath: string, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const asking = request({ socketPath, path: '/quality/watch', signal, agent: false }, resolve);
    asking.on('error', reject).end();
  });
}
