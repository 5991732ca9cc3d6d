// SPDX-License-Identifier: Apache-2.0
/** One end of a wire as a value: as it should be, and as the kernel says it is. */

/** A route through the interface; on-link where there is a gateway. */
export interface Route {
  /** A prefix, such as `10.0.0.0/8`. */
  readonly to: string;
  /** The gateway's address. */
  readonly via?: string;
  /** Beyond that of any route of ours, 0 where there is none: of two to one prefix the lower counts. */
  readonly metric?: number;
}

/**
 * That of all routes of an end. `spare`: nobody said which, so a route that stands keeps its own, and a new
 * one goes behind what another interface of ours already has.
 */
export type Metric = number | 'spare';

/** Who has an address on the other side. */
export interface Neighbour {
  readonly ip: string;
  readonly mac: string;
  /** Never asked for again; otherwise as good as just heard. */
  readonly permanent: boolean;
}

/** What must be so. All text is canonical (`ip.ts`). */
export interface WantedEnd {
  readonly name: string;
  readonly mac: string;
  readonly alias: string;
  readonly mtu: number;
  /** The exact set of global addresses, and perhaps link-local ones; an empty one leaves what is there. */
  readonly addresses: readonly string[];
  /** Without a metric each: it is the same for all. */
  readonly routes: readonly Route[];
  /** 0 where not given. */
  readonly metric?: Metric;
  /** IPv4 takes in what comes from anybody that can be reached at all, also where that is by another interface. */
  readonly looseFilter?: boolean;
  readonly neighbours: readonly Neighbour[];
  /** The kernel is to make no address by itself, also where there are none of ours. */
  readonly silent?: boolean;
  /** Sysctls of the namespace: name below /proc/sys, value. */
  readonly settings: Readonly<Record<string, string>>;
}

/** What is so. Only what is ours or must go is listed. */
export interface FoundEnd {
  readonly index: number;
  readonly name: string;
  readonly mac: string;
  readonly alias: string;
  /** It was made and has no alias yet: its forwarder is at it, or was killed then. */
  readonly halfMade: boolean;
  readonly mtu: number;
  readonly up: boolean;
  /** It sends what it is given: the other end is up, and the kernel has noticed. */
  readonly running: boolean;
  /** The kernel makes a link-local address by itself when the link comes up. */
  readonly autoLinkLocal: boolean;
  /** As {@link WantedEnd.looseFilter}. */
  readonly looseFilter: boolean;
  /** The index of the veth's other end, in its own namespace. */
  readonly peer: number;
  /** All addresses but those that failed duplicate detection. */
  readonly addresses: readonly string[];
  /** Addresses that failed duplicate detection: of no use, and in the way. */
  readonly failed: readonly string[];
  /** Routes with our protocol number. */
  readonly routes: readonly Route[];
  /** Prefixes that other interfaces have routes of ours to; known only where a metric is to be spare. */
  readonly taken?: readonly string[];
  /** Neighbours that could be used. */
  readonly neighbours: readonly Neighbour[];
}
