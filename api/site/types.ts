// SPDX-License-Identifier: Apache-2.0
/**
 * What a site's file says, parsed and complete: defaults are filled in, texts
 * are canonical. `kind: Site` and `kind: SteeringPolicy` of `wanwire.io/v1alpha1`;
 * the same text is the spec of the CRDs.
 */

/** What a line is like, which says how it is measured; numbers in `forwarder/quality/profiles.ts`. */
export type LinkProfile = (typeof linkProfiles)[number];
/** See {@link LinkProfile}. */
export const linkProfiles = ['fixed', 'lte', 'satellite'] as const;

/** What of a link's profile is different here; undefined: as the profile has it. */
export interface LinkQuality {
  /** Between two probes of a strand, in milliseconds. */
  readonly intervalMs: number | undefined;
  /** Nothing answered for so long, and the usual time of an answer: the strand is down. */
  readonly detectionMs: number | undefined;
  /** How long a strand that came back, or is good again, is not used; doubled with each relapse. */
  readonly holdDownMs: number | undefined;
  /** How many sessions a second may come back to a strand; 0: any number. */
  readonly returnPerSecond: number | undefined;
}

/** One WAN uplink of this node. */
export interface SiteLink {
  readonly name: string;
  /** Network device. */
  readonly device: string;
  /** Local addresses; where none are given, the device's first global one of each family. */
  readonly addresses: readonly string[];
  /** Next hops, at most one a family; where none are given, those of the device's default routes. */
  readonly gateways: readonly string[];
  /** Links of one network reach each other: `internet` where not given. */
  readonly network: string;
  /** What it is good for: `low-latency`, `bulk`, `best-effort` or a word of the user's. */
  readonly class: string;
  /** Declared rate; nothing where not given. */
  readonly rateMbps: number | undefined;
  readonly billing: 'flat' | 'metered';
  /** Bytes of a month that are paid for, in units of 10^9; only of a metered link. */
  readonly capGB: number | undefined;
  /** `fixed` where not given. */
  readonly profile: LinkProfile;
  /** Over the profile's. */
  readonly quality: LinkQuality | undefined;
  /** The link's MTU; the device's where not given. */
  readonly mtu: number | undefined;
  /** Nobody reads along: unencrypted strands are allowed. */
  readonly trusted: boolean;
}

/** Another site, and where its manager listens. */
export interface SitePeer {
  readonly site: string;
  /** `host:port`, tried in turn. */
  readonly control: readonly string[];
  /** Its SPIFFE trust domain; where not given, the one that its bundle names. */
  readonly trustDomain: string | undefined;
  /** File with the site's trust bundle, absolute; checked to be there. */
  readonly trustBundle: string | undefined;
}

/** Who gets which SPIFFE ID of the embedded authority; all that is given must fit. */
export interface SiteIdentity {
  /** Path of the SPIFFE ID, such as `/phone`. */
  readonly id: string;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  /** Path of the program, as /proc/PID/exe has it. */
  readonly executable: string | undefined;
  /** A cgroup as /proc/PID/cgroup has it; those below it fit too. */
  readonly cgroup: string | undefined;
}

/** What the site's endpoint gives to those who ask for its services. */
export interface SiteGateway {
  /** Addresses of wires: a group gives each client one pair, such as `[['172.16.0.0/16'], ['fd00::/64']]`. */
  readonly prefixes: readonly (readonly string[])[];
  /** What clients reach through it. */
  readonly routes: readonly string[];
  /** Clients appear with this node's address. */
  readonly nat: boolean;
}

/** `kind: Site`. */
export interface Site {
  readonly name: string;
  readonly trustDomain: string;
  /** Where the manager listens for other sites, `host:port`; nowhere where empty. */
  readonly control: readonly string[];
  readonly links: readonly SiteLink[];
  readonly peers: readonly SitePeer[];
  /** The first that fits counts; empty where not given. */
  readonly identities: readonly SiteIdentity[];
  /** None where the site serves nobody. */
  readonly gateway: SiteGateway | undefined;
  /** UDP port of our tunnels: 4790 where not given. */
  readonly vxlanPort: number;
}

/** Links by what they are, and how much of the sessions each gets. */
export interface ClassLinks {
  /** Either of the two; both must fit where both are given. */
  readonly name: string | undefined;
  readonly class: string | undefined;
  /** 1 where not given. */
  readonly weight: number;
}

/** What a strand must keep, each at most; undefined: that does not matter. At least one is given. */
export interface Sla {
  readonly rttMs: number | undefined;
  readonly jitterMs: number | undefined;
  readonly lossPercent: number | undefined;
}

/** One class of a policy. */
export interface PolicyClass {
  readonly name: string;
  readonly links: readonly ClassLinks[];
  readonly sla: Sla | undefined;
  /** Classes whose links are used, in order, while none of its own is usable. */
  readonly fallback: readonly string[];
  /** Drop rather than use a link that neither the class nor its fallbacks name. */
  readonly strict: boolean;
}

/** From and to, both included. */
export interface PortRange {
  readonly from: number;
  readonly to: number;
}

/** What a session must be to fit; an empty list asks for nothing. */
export interface RuleMatch {
  /** DSCP values, 0 to 63. */
  readonly dscp: readonly number[];
  /** IP protocol numbers. */
  readonly protocols: readonly number[];
  /** Only packets with ports (TCP, UDP, UDP-Lite, SCTP, DCCP) can fit. */
  readonly sourcePorts: readonly PortRange[];
  readonly destinationPorts: readonly PortRange[];
  /** Canonical prefixes of both families; a packet of a family that is not listed does not fit. */
  readonly sources: readonly string[];
  readonly destinations: readonly string[];
  /** Labels of the Connection, all of which it must have. */
  readonly clientLabels: Readonly<Record<string, string>>;
  /** Patterns of SPIFFE IDs, one of which the client's must fit. */
  readonly identities: readonly string[];
}

/** One rule. Rules with an `http` match are for Envoy and not in this list. */
export interface PolicyRule {
  readonly name: string;
  readonly match: RuleMatch;
  readonly class: string;
  /** DSCP of the outer packet; the inner one's where not given. */
  readonly mark: number | undefined;
}

/** How a text must be; upper and lower case differ. */
export type StringMatch =
  | { readonly exact: string }
  | { readonly prefix: string }
  /** A pattern of `http-regex.ts` that the whole text fits. */
  | { readonly regex: string }
  | { readonly present: true };

/** What a request must be to fit; an empty list or mapping asks for nothing. */
export interface HttpMatch {
  /** By their names in small letters; all of them. A header sent twice has its values joined by `,`. */
  readonly headers: Readonly<Record<string, StringMatch>>;
  /** Without its query. */
  readonly path?: StringMatch;
  readonly methods: readonly string[];
  /** In small letters, without a port, such as `api.example` or `*.example`. */
  readonly hosts: readonly string[];
}

/** A rule for requests: Envoy looks at them and chooses the wire; the first that fits counts. */
export interface HttpRule {
  readonly name: string;
  readonly match: HttpMatch;
  readonly class: string;
  /** DSCP of what Envoy sends; nothing where not given. */
  readonly mark: number | undefined;
}

/** `kind: SteeringPolicy`. */
export interface SteeringPolicy {
  readonly name: string;
  /** Network services it is for, without the site. */
  readonly services: readonly string[];
  readonly classes: readonly PolicyClass[];
  readonly rules: readonly PolicyRule[];
  /** The rules with an `http` match, in order; they are for Envoy and not in `rules`. */
  readonly httpRules: readonly HttpRule[];
  /** The class of what fits no rule. */
  readonly default: string;
}

/** All documents of a site, consistent with each other. */
export interface SiteFiles {
  readonly site: Site;
  readonly policies: readonly SteeringPolicy[];
  /** `kind: NetworkService` documents: the matches of services, as NSM's CRD has them. */
  readonly networkServices: readonly NetworkServiceDocument[];
}

/** `kind: NetworkService` of `networkservicemesh.io/v1`: which endpoint for which client. */
export interface NetworkServiceDocument {
  readonly name: string;
  readonly payload: 'IP' | 'ETHERNET';
  readonly matches: readonly {
    readonly sourceSelector: Readonly<Record<string, string>>;
    readonly routes: readonly {
      readonly destinationSelector: Readonly<Record<string, string>>;
      readonly weight: number;
    }[];
    readonly fallthrough: boolean;
    /** Labels of forwarders that may carry it. */
    readonly metadata?: { readonly labels: Readonly<Record<string, string>> };
  }[];
}
