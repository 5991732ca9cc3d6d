// SPDX-License-Identifier: Apache-2.0
/**
 * What the maps say, in words: the JSON of `status`, `links` and `sessions`.
 * Every field is always there, with null for nothing. `docs/operating.md` tells each.
 */
import type { downReasons, DropReason } from '../../bpf/loader/layout.js';

/** Since the map was made. */
export interface Counters {
  readonly txPackets: number;
  readonly txBytes: number;
  readonly rxPackets: number;
  readonly rxBytes: number;
}

/** Between two reads. */
export interface Rate {
  readonly txPacketsPerSecond: number;
  readonly txBitsPerSecond: number;
  readonly rxPacketsPerSecond: number;
  readonly rxBitsPerSecond: number;
}

/** The forwarder itself. */
export interface PlaneNode {
  readonly name: string;
  readonly site: string;
  readonly version: string | null;
  /** How outer packets find their link: `host-routes`, `source-rules` or `none`. */
  readonly routing: string | null;
  /** Where its operator's socket is, where that is not the usual place. */
  readonly operator: string | null;
}

/** A WAN link of this node. */
export interface PlaneLink {
  readonly name: string;
  readonly class: string;
  readonly network: string;
  readonly device: string;
  /** `unused`: no strand leaves by it. */
  readonly state: 'up' | 'held' | 'down' | 'unused';
  /** Its strands, and how many of them can be used. */
  readonly strands: number;
  readonly usable: number;
  readonly addresses: readonly string[];
  /** Of its strands together. */
  readonly counters: Counters;
}

/** Why a strand is not used; `silent`: no probe is answered. */
export type DownReason = keyof typeof downReasons | 'silent';

/** What the maps say of a strand's probes. Counters are since the strand was made. */
export interface PlaneProbes {
  /** The prober's word. */
  readonly silent: boolean;
  /** The forwarder's: bit 0 for everybody, bit n for classes with SLA number n. */
  readonly avoid: number;
  /** 0: it is not probed. */
  readonly intervalMs: number;
  /** Of one probe, as an IP packet. */
  readonly bytes: number;
  /** Smoothed (RFC 6298); null before the first answer. */
  readonly rttMs: number | null;
  /** Since the newest probe, the newest that was answered, the newest of the peer's. */
  readonly sentAgoMs: number | null;
  readonly answeredAgoMs: number | null;
  readonly heardAgoMs: number | null;
  /** Since the prober last changed its word. */
  readonly changedAgoMs: number | null;
  readonly sent: number;
  /** Of these, how many could not be sent. */
  readonly failed: number;
  /** Whose time has passed; of them without an answer by then; of those answered later. */
  readonly judged: number;
  readonly lost: number;
  readonly late: number;
  readonly received: number;
  /** The peer's that were answered. */
  readonly reflected: number;
  readonly lostOut: number;
  readonly lostBack: number;
  /** Answers that fit no probe, or come twice. */
  readonly forged: number;
  readonly silences: number;
  readonly rttSumMs: number;
  readonly jitterSumMs: number;
}

/** A strand. */
export interface PlaneStrand {
  readonly id: number;
  readonly name: string;
  readonly link: string;
  readonly peer: string;
  readonly peerLink: string;
  readonly local: string;
  readonly remote: string;
  readonly mtu: number;
  /** `held`: it answers, and is kept from new sessions; `wanwire links` knows more words. */
  readonly state: 'up' | 'held' | 'down';
  readonly down: readonly DownReason[];
  readonly probes: PlaneProbes;
  readonly counters: Counters;
}

/** How many packets went no further, by reason. */
export type Drops = Readonly<Record<DropReason, number>>;

/** A steered wire. */
export interface PlaneWire {
  readonly number: number;
  readonly id: string;
  readonly client: string;
  readonly service: string;
  readonly interface: string;
  readonly peer: string;
  readonly policy: string;
  /** Whether this node chooses the strand, or follows the other side. */
  readonly leader: boolean;
  readonly payload: 'IP' | 'ETHERNET';
  readonly mtu: number;
  readonly vni: number;
  readonly counters: Counters;
  /** Packets steered without a remembered session. */
  readonly uncached: number;
  /** Packets steered by their addresses alone. */
  readonly fragments: number;
  readonly drops: Drops;
}

/** A rule and what it steered: only what is sent is counted. */
export interface PlaneRule {
  readonly name: string;
  readonly class: string;
  /** DSCP that the outer packet gets; null where the inner one's is kept. */
  readonly mark: string | null;
  readonly txPackets: number;
  readonly txBytes: number;
}

/** The rules of one service. */
export interface PlaneRuleSet {
  readonly service: string;
  readonly policy: string;
  readonly rules: readonly PlaneRule[];
  /** What fits no rule. */
  readonly default: Omit<PlaneRule, 'name' | 'mark'>;
}

/** A session that an operator put on a strand. */
export interface PlanePin {
  readonly wire: string;
  readonly protocol: string;
  readonly source: string;
  readonly destination: string;
  readonly strand: string;
}

/** All but the sessions. */
export interface Plane {
  readonly node: PlaneNode;
  /** Of the maps. */
  readonly layout: number;
  /** Of the tables in force; 0 before the first. */
  readonly generation: number;
  readonly links: readonly PlaneLink[];
  readonly peers: readonly { readonly name: string; readonly site: string }[];
  readonly strands: readonly PlaneStrand[];
  readonly wires: readonly PlaneWire[];
  readonly ruleSets: readonly PlaneRuleSet[];
  readonly pins: readonly PlanePin[];
  /** Packets of no wire. */
  readonly drops: Drops;
}
