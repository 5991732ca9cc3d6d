// SPDX-License-Identifier: Apache-2.0
/**
 * What happens to the sessions of a node's data plane, as `GET /sessions/events`
 * of the operator's socket tells it: one object a line (NDJSON). The first lines
 * are `present`, one for each session that is open then; then what happens. What
 * happened a moment before, or while no forwarder ran, follows too: go by `at`.
 *
 * A session is written as this node sends it: the source is on this side.
 */

/** The wire of a session. */
export interface EventWire {
  /** Connection id at this hop. */
  readonly id: string;
  /** First segment of the path: who asked for it. */
  readonly client: string;
  readonly service: string;
  /** Its name at the client or endpoint. */
  readonly interface: string;
}

/** One session, and what happened to it. */
export interface SessionChange {
  /** Milliseconds since the epoch, with a fraction. */
  readonly at: number;
  /**
   * `create`: it is new, or decided anew after it was closed. `move`: it goes on by another
   * strand. `close`: TCP said FIN in both directions, or RST. Of one that just falls silent nothing is told.
   */
  readonly kind: 'present' | 'create' | 'move' | 'close';
  readonly wire: EventWire;
  /** `tcp`, or a number. */
  readonly protocol: string;
  /** `172.16.0.1:40000`, `[fd00::1]:40000`; without a port where the protocol has none. */
  readonly source: string;
  readonly destination: string;
  /** Empty: it was never compared with rules (a pin, or the peer chose), or it is not known any more. */
  readonly class: string;
  /** Empty: no rule fits (the default class), or as with `class`. */
  readonly rule: string;
  /** On which it is now, or was last. */
  readonly strand: string;
  /** The local link of that strand. */
  readonly link: string;
  /** Of a `move`: the local link it was on before; the same where only the far end differs. */
  readonly from?: string;
  /** The number of the tables that decided. */
  readonly generation: number;
}

/** Events that nobody will hear of: they came faster than they could be told. */
export interface EventsLost {
  readonly at: number;
  readonly kind: 'lost';
  readonly count: number;
}

/** One line; see the head of this file. */
export type SessionEvent = SessionChange | EventsLost;
