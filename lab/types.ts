// SPDX-License-Identifier: Apache-2.0
/** The words of a lab: what its file says, what a change of a link says, what is told about it. */

/** How one direction of a link treats packets. Nothing of it: as fast as the machine, nothing lost. */
export interface Shape {
  /** One way. */
  readonly delayMs: number;
  /** A packet's delay differs from `delayMs` by at most this, evenly; their order is kept. */
  readonly jitterMs: number;
  /** Packets lost by chance, 0 to 100. */
  readonly lossPercent: number;
  /** Bits a second of whole frames; 0 is no limit. Up to 100 ms of it wait, what is more is dropped. */
  readonly rateBits: number;
}

/** The same as a user writes it; what is not given stays as it is. */
export interface ShapeText {
  /** Such as `80ms`, `0.5s`, `200us`; `0` or `none` is none. Above 10 s is refused. */
  readonly delay?: string | undefined;
  readonly jitter?: string | undefined;
  /** Such as `5%`. */
  readonly loss?: string | undefined;
  /** Such as `20mbit`, `512kbit`, `1gbit`; `none` is no limit. */
  readonly rate?: string | undefined;
}

/** A change of a running link; what is not given stays as it is. */
export interface LinkChange extends ShapeText {
  /** Of the devices at both ends of a cable, or at the site's end where a network is between. */
  readonly mtu?: number | undefined;
  /**
   * Without `toward`: the cable is pulled, and the devices lose their carrier. With it: what goes that
   * way is lost, and nobody's carrier tells.
   */
  readonly down?: boolean | undefined;
  /** The opposite of `down`. */
  readonly up?: boolean | undefined;
  /** Back to a plain link in both directions, or in the one of `toward`, before the rest applies. */
  readonly plain?: boolean | undefined;
  /** Only this direction: the site at the other end (or the network), or the link's own site for what comes in. */
  readonly toward?: string | undefined;
}

/** One uplink of a site: a device in its node. */
export interface LabLink extends ShapeText {
  /** The device's name in the node's namespace, such as `wan0`. */
  readonly name: string;
  /** A cable has exactly two ends, which name it; each is a link of another site. */
  readonly cable?: string | undefined;
  /** A switched network has as many links as name it. */
  readonly network?: string | undefined;
  /** With their prefix lengths, such as `203.0.113.2/24`. */
  readonly addresses: readonly string[];
  readonly mtu?: number | undefined;
  /** For one direction, by the name that `toward` has in a change. */
  readonly toward?: Readonly<Record<string, ShapeText>> | undefined;
}

/** A namespace at a site: a client with nothing but loopback. */
export interface LabClient {
  readonly name: string;
}

/** A namespace on the site's LAN; its default route is the site's node. */
export interface LabServer {
  readonly name: string;
  readonly addresses: readonly string[];
}

/** A site: a node, and who is behind it. */
export interface LabSite {
  readonly name: string;
  readonly links: readonly LabLink[];
  readonly clients?: readonly LabClient[] | undefined;
  /** The node's addresses on `lan0`. */
  readonly lan?: { readonly addresses: readonly string[] } | undefined;
  readonly servers?: readonly LabServer[] | undefined;
}

/** `kind: Lab`, as it stands in a file. */
export interface LabFile {
  readonly apiVersion: 'wanwire.io/v1alpha1';
  readonly kind: 'Lab';
  readonly metadata: { readonly name: string };
  readonly spec: { readonly sites: readonly LabSite[] };
}

/** Counted by the kernel at the device of a link, in its node. */
export interface Counters {
  readonly txPackets: number;
  readonly txBytes: number;
  readonly rxPackets: number;
  readonly rxBytes: number;
}

/** Counted by a relay in one direction since it started. */
export interface Relayed {
  readonly passed: number;
  /** By chance. */
  readonly lost: number;
  /** How long those that passed were in it, together: their delays as they really were. */
  readonly dwellMs: number;
}

/** How a direction does what it does. */
export type Means = 'plain' | 'lost' | 'relay' | 'netem' | 'tbf';

/** One direction of a link. */
export interface Direction {
  /** A site, or a network. */
  readonly from: string;
  readonly toward: string;
  readonly shape: Shape;
  /** Everything is lost, unnoticed. */
  readonly lost: boolean;
  readonly by: Means;
}

/** A link as it is now. */
export interface LinkStatus {
  /** Such as `edge/wan0`. */
  readonly link: string;
  /** What it leads to: `cloud/wan0` by a cable, or a network. */
  readonly to: string;
  readonly addresses: readonly string[];
  /** As set: not pulled. */
  readonly up: boolean;
  /** As the kernel says at the device. */
  readonly carrier: boolean;
  /** Its relay has died; the next `set` starts another. */
  readonly broken: boolean;
  readonly mtu: number;
  /** What the site sends. */
  readonly out: Direction;
  /** What comes in. */
  readonly in: Direction;
  readonly counters: Counters;
}

/** A namespace of a lab. */
export interface PlaceStatus {
  /** `edge`, `edge/client`. */
  readonly place: string;
  readonly kind: 'node' | 'client' | 'server';
  readonly netns: string;
  readonly addresses: readonly string[];
}

/** A lab as it is now. */
export interface LabStatus {
  readonly name: string;
  readonly places: readonly PlaceStatus[];
  readonly links: readonly LinkStatus[];
}

/** One thing that was measured, and what it should be; `ok` is undefined where nothing is asked for. */
export interface Measured {
  readonly measured: number;
  readonly wanted: number | undefined;
  readonly ok: boolean | undefined;
}

/** What `check` found at one link, from its end and back, or one way (`rateOut`, `rateIn`, in bits a second). */
export interface LinkReport {
  readonly link: string;
  readonly to: string;
  /** Nothing came through; `ok` says whether that is right. */
  readonly silent: boolean;
  readonly rttMs: Measured | undefined;
  readonly lossPercent: Measured | undefined;
  readonly rateOut: Measured | undefined;
  readonly rateIn: Measured | undefined;
  readonly mtu: Measured | undefined;
  readonly ok: boolean;
  /** What is wrong, in words; empty where all is right. */
  readonly remarks: readonly string[];
}
