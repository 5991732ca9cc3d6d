// SPDX-License-Identifier: Apache-2.0
/**
 * What the mesh still has of a wire that a former life of this client asked
 * for: the manager is asked before a Request, so that a restart keeps the wire.
 */
import { atIndex, pathOf } from '../api/chain/connection.js';
import type { Clock } from '../api/chain/clock.js';
import { Deadline } from '../api/chain/deadline.js';
import { kernel } from '../api/elements/kernel-mechanism.js';
import {
  MonitorConnectionService,
  MonitorScopeSelector,
  type Connection,
} from '../api/gen/connection.js';
import type { Channels } from '../api/grpc/channel.js';
import type { Logger } from '../api/log/log.js';

/** Whom to ask, and how. */
export interface RecallOptions {
  readonly channels: Channels;
  /** The manager's URL. */
  readonly url: string;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The Connection of `id` with this client's own index; nothing where there is none or nobody answers. */
export async function recall(
  options: RecallOptions,
  id: string,
  signal: AbortSignal,
): Promise<Connection | undefined> {
  const { channels, url, timeoutMs, clock, log } = options;
  using deadline = new Deadline(clock, timeoutMs, signal);
  try {
    using channel = channels.acquire(url);
    const selector = MonitorScopeSelector.fromPartial({ pathSegments: [{ id }] });
    const asked = { signal: deadline.signal };
    const { monitorConnections } = MonitorConnectionService;
    for await (const event of channel.stream(monitorConnections, selector, asked)) {
      const known = Object.values(event.connections).find((found) => isOurs(found, id));
      // The first event is the present state, even when there is nothing.
      return known && atIndex(known, 0);
    }
  } catch (reason) {
    if (!signal.aborted) log.info({ conn: id, err: reason }, 'the manager cannot be asked');
  }
  return undefined;
}

function isOurs(connection: Connection, id: string): boolean {
  const { index, pathSegments } = pathOf(connection);
  return index === 1 && pathSegments[0]?.id === id && connection.mechanism?.type === kernel.type;
}
