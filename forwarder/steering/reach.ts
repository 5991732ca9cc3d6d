// SPDX-License-Identifier: Apache-2.0
/**
 * Tells clients of this node when nothing of their wires reaches the other end any
 * more, as state DOWN, and UP when something does again. While one strand is left
 * there is nothing to tell.
 *
 * Such a wire is left as it is: interface, addresses and strands stay, and sessions go on with the first
 * strand that answers. A client would ask for it anew over the same dead links; so the
 * metrics say for how long it is to wait (`link-metrics.ts`). It is not told to where another
 * node of that site can be reached, where the other site itself has refused the
 * wire meanwhile, and when the time of a hold is over.
 */
import type { Clock } from '../../api/chain/clock.js';
import { pathOf } from '../../api/chain/connection.js';
import { linkMetrics, waitOf, withLinkMetrics } from '../../api/elements/link-metrics.js';
import { State, type Connection } from '../../api/gen/connection.js';
import type { ConnectionEvents } from '../../api/elements/connection-events.js';
import type { TunnelNode } from '../mechanisms/vxlan/node.js';
import type { SteeredWire } from './wire.js';

type ReachWire = Pick<SteeredWire, 'id' | 'leader' | 'peer'>;

/** What {@link Reach} works with. */
export interface ReachOptions {
  readonly steering: {
    readonly wires: readonly ReachWire[];
    get(id: string): ReachWire | undefined;
  };
  readonly peers: { readonly all: readonly { readonly node: TunnelNode }[] };
  /** Whether any strand to the peer of that name is answered, or may be. */
  readonly answers: (peer: string) => boolean;
  /** What to say of a wire's links beside that, as metrics. */
  readonly figures: (peer: string) => Readonly<Record<string, string>>;
  readonly events: Pick<ConnectionEvents, 'get' | 'update'>;
  /** How long a wire waits for a link (`WANWIRE_HOLD`). */
  readonly holdMs: number;
  readonly clock: Pick<Clock, 'now'>;
}

interface Away {
  readonly sinceMs: number;
  /** The other side was asked, and refused. */
  isRefused: boolean;
}

/** See the head of this file. */
export class Reach {
  readonly #options: ReachOptions;
  /** Wires that we lead and that reach nobody. */
  readonly #away = new Map<string, Away>();
  /** By peer, as of the last look. */
  readonly #figures = new Map<string, Readonly<Record<string, string>>>();

  constructor(options: ReachOptions) {
    this.#options = options;
  }

  /** Look, and tell what has changed. */
  look(): void {
    const { steering, clock } = this.#options;
    const reached = new Map<string, boolean>();
    // Of many wires to one peer it is the same.
    this.#figures.clear();
    const ids = new Set<string>();
    for (const wire of steering.wires) {
      const { id, leader, peer } = wire;
      if (!leader) continue;
      ids.add(id);
      const isReached = reached.get(peer.name) ?? this.#options.answers(peer.name);
      reached.set(peer.name, isReached);
      if (isReached) this.#up(wire);
      else {
        if (!this.#away.has(id)) {
          this.#away.set(id, { sinceMs: clock.now(), isRefused: false });
        }
        this.#down(wire);
      }
    }
    for (const id of this.#away.keys()) if (!ids.has(id)) this.#away.delete(id);
  }

  /** Whether nothing of a wire reaches the other end. */
  isAway(id: string): boolean {
    return this.#away.has(id);
  }

  /** Whether a wire waits for a link. */
  isWaiting(id: string): boolean {
    return this.#waitMs(this.#options.steering.get(id)) !== undefined;
  }

  /** The other side could be asked for the wire, and refused it: there is nothing to wait for. */
  refused(id: string): void {
    const away = this.#away.get(id);
    const wire = this.#options.steering.get(id);
    if (away === undefined || away.isRefused || wire === undefined) return;
    away.isRefused = true;
    this.#down(wire);
  }

  /** What to say of a wire now; nothing of one that is not steered. */
  metricsOf(id: string): Readonly<Record<string, string>> {
    const wire = this.#options.steering.get(id);
    if (wire === undefined) return {};
    const waitMs = this.#waitMs(wire);
    const { name } = wire.peer;
    const figures = this.#figures.get(name) ?? this.#options.figures(name);
    this.#figures.set(name, figures);
    return {
      ...figures,
      ...(this.isAway(id) ? { [linkMetrics.state]: 'down' } : {}),
      ...(waitMs === undefined ? {} : { [linkMetrics.holdMs]: String(waitMs) }),
    };
  }

  #waitMs(wire: ReachWire | undefined): number | undefined {
    const { holdMs, clock, answers, peers } = this.#options;
    if (wire === undefined) return undefined;
    const away = this.#away.get(wire.id);
    if (away === undefined || away.isRefused) return undefined;
    // A stock peer has NSM's rule.
    const { name, site, stock } = wire.peer;
    if (stock === true) return undefined;
    const isElsewhere = peers.all.some(
      ({ node }) => node.site === site && node.name !== name && answers(node.name),
    );
    const leftMs = away.sinceMs + holdMs - clock.now();
    return isElsewhere || leftMs <= 0 ? undefined : leftMs;
  }

  #down(wire: ReachWire): void {
    const { events } = this.#options;
    const known = events.get(wire.id);
    if (known === undefined) return;
    const isWaiting = this.#waitMs(wire) !== undefined;
    if (known.state === State.DOWN) {
      // What others say of it stands.
      if (!isOurs(known) || (waitOf(known) !== undefined) === isWaiting) return;
    }
    const now = withLinkMetrics(known, this.metricsOf(wire.id));
    events.update({ ...now, state: State.DOWN });
  }

  #up({ id }: ReachWire): void {
    if (!this.#away.delete(id)) return;
    const { events } = this.#options;
    const known = events.get(id);
    if (known === undefined || !isOurs(known)) return;
    events.update({ ...withLinkMetrics(known, this.metricsOf(id)), state: State.UP });
  }
}

/** Whether it is DOWN by our own word: whoever else says so takes that away. */
function isOurs(connection: Connection): boolean {
  const { index, pathSegments } = pathOf(connection);
  return pathSegments[index]?.metrics[linkMetrics.state] === 'down';
}
