// SPDX-License-Identifier: Apache-2.0
/** Follows the manager's connection events, as `wanwire monitor` does, and waits for what the demo shows next. */
import { MonitorConnectionService, State, type Connection } from '../../api/gen/connection.js';
import { ConnectionEventType, MonitorScopeSelector } from '../../api/gen/connection.js';
import type { Channel } from '../../api/grpc/channel.js';

/** What a connection is now; nothing once it is deleted. */
export type Sight = Connection | undefined;

/** The wire is up, and its path is known. */
export const isUp = (sight: Sight): boolean =>
  sight?.state === State.UP && (sight.path?.pathSegments.length ?? 0) > 3;

interface Waiting {
  readonly wanted: (sight: Sight) => boolean;
  readonly resolve: (sight: Sight) => void;
}

/** The one connection of the demo, as the manager tells it. */
export class Witness {
  #sight: Sight;
  #waiting: Waiting[] = [];
  readonly #broken: Promise<never>;

  constructor(channel: Channel, signal: AbortSignal) {
    const events = channel.stream(
      MonitorConnectionService.monitorConnections,
      MonitorScopeSelector.create(),
      { signal },
    );
    this.#broken = this.#follow(events);
    this.#broken.catch(() => undefined);
  }

  /** The connection at its next event that is as wanted; rejects after `withinMs`. */
  next(what: string, withinMs: number, wanted: (sight: Sight) => boolean): Promise<Sight> {
    const sight = this.#next(what, withinMs, wanted);
    // The act that asked may still be busy when the demo is stopped.
    sight.catch(() => undefined);
    return sight;
  }

  async #next(what: string, withinMs: number, wanted: (sight: Sight) => boolean): Promise<Sight> {
    const seen = new Promise<Sight>((resolve) => {
      this.#waiting.push({ wanted, resolve });
    });
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        const seconds = String(withinMs / 1000);
        const now =
          this.#sight === undefined ? 'no connection' : `state ${String(this.#sight.state)}`;
        reject(new Error(`waited ${seconds} s for ${what}; the manager shows ${now}`));
      }, withinMs);
    });
    try {
      return await Promise.race([seen, late, this.#broken]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #follow(
    events: AsyncIterable<{ type: ConnectionEventType; connections: Connections }>,
  ): Promise<never> {
    for await (const event of events) {
      const [connection] = Object.values(event.connections);
      if (connection === undefined) continue;
      this.#sight = event.type === ConnectionEventType.DELETE ? undefined : connection;
      const sight = this.#sight;
      this.#waiting = this.#waiting.filter(({ wanted, resolve }) => {
        if (!wanted(sight)) return true;
        resolve(sight);
        return false;
      });
    }
    throw new Error('the manager ended its event stream');
  }
}

type Connections = Readonly<Record<string, Connection>>;
