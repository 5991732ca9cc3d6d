// SPDX-License-Identifier: Apache-2.0
/** What is said of a strand: its state now, and the events by which it got there. */
import type { TcpMeasured } from './evidence.js';

/**
 * `unmeasured`: no answer yet. `up`: answers, keeps every SLA. `degraded`: answers and breaks one.
 * `down`: does not answer, or cannot be used. `held`: answers again, not yet trusted. `returning`:
 * trusted again, sessions are coming home.
 */
export type LinkState = 'unmeasured' | 'up' | 'degraded' | 'down' | 'held' | 'returning';

/** What probes told over one window; a figure is absent while there are too few answers. */
export interface Measured {
  readonly windowMs: number;
  /** Probes whose time has passed, and answers. */
  readonly probes: number;
  readonly answers: number;
  /** Mean round trip. */
  readonly rttMs?: number;
  /** Mean difference between one round trip and the one before. */
  readonly jitterMs?: number;
  /** Round trips that failed; late ones have not. */
  readonly lossPercent?: number;
  readonly lossOutPercent?: number;
  readonly lossBackPercent?: number;
  /** What TCP told, where that was enough. */
  readonly tcp?: TcpMeasured;
}

/** A strand now. */
export interface StrandState extends Measured {
  readonly strand: number;
  readonly state: LinkState;
  readonly sinceMs: number;
  /** In words, such as `loss 8.2 % of 170 probes, SLA 1 %`. */
  readonly why: string;
  /** Numbers of the SLAs that it breaks, in order. */
  readonly breaks: readonly number[];
  /** Nobody, or none of these SLAs, is kept away although it breaks them: the others are worse. */
  readonly spared: readonly number[];
  /** When it may be used again at the earliest, as far as that is known. */
  readonly heldUntilMs?: number;
}

/** A strand's state changed, or which SLAs it breaks (`from` and `to` are then the same). */
export interface StrandEvent {
  readonly atMs: number;
  /**
   * The state that it is in now; `recovered`: keeps one SLA again, breaks others. `preferred`: all
   * strands of the peer break this SLA, and this one is now taken as the least bad.
   */
  readonly kind: LinkState | 'recovered' | 'preferred';
  readonly strand: number;
  readonly name: string;
  readonly link: string;
  readonly peer: string;
  readonly from: LinkState;
  readonly to: LinkState;
  readonly why: string;
  readonly measured: Measured;
  /** Whom it concerns, as `policy/class` of each, where it is about one SLA. */
  readonly sla?: string;
  /** How many sessions were on it; filled in by whoever counts them. */
  readonly sessions?: number;
}

/** Sessions stay on a metered link though their own has been fit for them for long. */
export interface StrandedEvent {
  readonly atMs: number;
  readonly kind: 'stranded';
  /** Where they are. */
  readonly strand: number;
  readonly name: string;
  readonly link: string;
  readonly peer: string;
  /** Where they belong. */
  readonly home: string;
  /** `policy/class`. */
  readonly class: string;
  readonly sessions: number;
  readonly why: string;
}

/** The prober stopped, and nothing is judged any more; or it is back. */
export interface ProberEvent {
  readonly atMs: number;
  readonly kind: 'frozen' | 'thawed';
  readonly why: string;
}

/** Other packets fit through a strand than before. */
export interface MtuEvent {
  readonly atMs: number;
  readonly kind: 'mtu';
  readonly strand: number;
  readonly name: string;
  readonly link: string;
  readonly peer: string;
  /** The largest inner packet, in bytes. */
  readonly mtu: { readonly from: number; readonly to: number };
  readonly why: string;
}

/** One decision, and what it was made on. */
export type QualityEvent = StrandEvent | StrandedEvent | ProberEvent | MtuEvent;
