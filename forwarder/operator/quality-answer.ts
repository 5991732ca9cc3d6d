// SPDX-License-Identifier: Apache-2.0
/**
 * What `GET /quality` of the operator's socket answers: the state of each strand as
 * the forwarder judges it now. Counters and addresses are read from the maps.
 * Every field is always there, with null for nothing. Percentages are of probes.
 *
 * `GET /quality/events?since=MS` answers the journal's lines (`journal-record.ts`) of all types from
 * wall clock MS on, with the setup that was in force then before them (`journal-file.ts`).
 *
 * `GET /quality/watch` answers a {@link QualityNews} a line, for as long as it is read: what is so,
 * then what changes (`link-news.ts`).
 */
import type { Sla } from '../quality/engine.js';
import type { ProfileName } from '../quality/profiles.js';
import type { LinkState } from '../quality/states.js';

/** The process that sends probes. */
export interface QualityProber {
  /** Probes are sent. While they are not, states are as they were. */
  readonly running: boolean;
  /** null where none ever ran on these maps. */
  readonly pid: number | null;
}

/** An SLA, and the classes that have it. */
export interface QualitySla {
  /** Its bit in a strand's word `avoid`. */
  readonly number: number;
  readonly rttMs: number | null;
  readonly jitterMs: number | null;
  readonly lossPercent: number | null;
  /** As `policy/class`. */
  readonly classes: readonly string[];
}

/** What is known of a link beyond its strands. */
export interface QualityLink {
  readonly name: string;
  readonly profile: ProfileName;
  readonly metered: boolean;
  /** Declared in the site's file. */
  readonly rateMbps: number | null;
  /** Of the month (UTC) `2026-11`: bytes of its strands on the line, probes and headers included. */
  readonly month: string;
  readonly txBytes: number;
  readonly rxBytes: number;
  /** What the month includes. */
  readonly capBytes: number | null;
}

/** What the wires' own TCP connections say of a strand; RTT with what is behind it. */
export interface QualityTcp {
  /** That were followed in the last seconds. */
  readonly segments: number;
  /** Sent again before they were acknowledged. */
  readonly resentPercent: number;
  readonly rttMs: number | null;
  readonly rttMinMs: number | null;
}

/** What probes say of a strand. */
export interface QualityStrand {
  readonly id: number;
  readonly name: string;
  readonly link: string;
  readonly peer: string;
  readonly state: LinkState;
  /** Milliseconds since 1970. */
  readonly since: number;
  /** In words, with figures; empty where there is nothing to say. */
  readonly why: string;
  readonly rttMs: number | null;
  readonly jitterMs: number | null;
  readonly lossPercent: number | null;
  readonly lossOutPercent: number | null;
  readonly lossBackPercent: number | null;
  /** null where there was too little to tell. */
  readonly tcp: QualityTcp | null;
  /** Numbers of the SLAs that it breaks now. */
  readonly breaks: readonly number[];
  /** Of 0 (held back from all classes) and SLA numbers: who is kept away from it now. */
  readonly avoidedBy: readonly number[];
  /** The earliest end of its hold-down, in milliseconds since 1970. */
  readonly heldUntil: number | null;
  /** Between two probes now; 0: it is not probed. */
  readonly intervalMs: number;
  /** The largest inner packet, and what the devices at both ends would carry. */
  readonly mtu: number;
  readonly deviceMtu: number;
  /** Large probes are answered: `mtu` is what really passes. */
  readonly mtuProbed: boolean;
  /** Between two large probes while nothing changes; 0: there are none. */
  readonly largeIntervalMs: number;
}

/** See the head of this file. */
export interface QualityAnswer {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly prober: QualityProber;
  readonly slas: readonly QualitySla[];
  readonly links: readonly QualityLink[];
  readonly strands: readonly QualityStrand[];
}

/** How good links are: each as its best strand. */
export interface QualityNews {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly links: readonly {
    readonly name: string;
    readonly state: 'up' | 'degraded' | 'down';
    readonly rttMs: number | null;
    readonly jitterMs: number | null;
    readonly lossPercent: number | null;
  }[];
}

/** An SLA as the answer has it. */
export function slaAnswer(number: number, sla: Sla, classes: readonly string[]): QualitySla {
  const { rttMs = null, jitterMs = null, lossPercent = null } = sla;
  return { number, rttMs, jitterMs, lossPercent, classes };
}
