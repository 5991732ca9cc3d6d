// SPDX-License-Identifier: Apache-2.0
/** What the audit says of requests: the JSON of `wanwire audit`. `docs/audit.md` tells each field. */

/**
 * `right`: by a link of its class. `fallback`: by one that the class may use while none of those
 * before can be. `wrong`: by another. `unknown`: nobody can tell. `no-upstream`: by none at all,
 * Envoy answered it itself.
 */
export type Verdict = 'right' | 'fallback' | 'wrong' | 'unknown' | 'no-upstream';

/** How many requests got which verdict. */
export interface Counts {
  readonly requests: number;
  readonly right: number;
  readonly fallback: number;
  readonly wrong: number;
  readonly unknown: number;
  readonly noUpstream: number;
}

/** The requests of one rule that took the same way. */
export interface AuditRow extends Counts {
  /** null: no rule fits, the policy's default. */
  readonly rule: string | null;
  readonly class: string;
  /** In the order in which they carried the request; empty where that is not known or there was none. */
  readonly links: readonly string[];
}

/** A request that somebody should look at. */
export interface Finding {
  /** `route`: Envoy's route is that of another rule; its link may be right all the same. */
  readonly kind: 'wrong' | 'route';
  /** Milliseconds since the epoch: when it began. */
  readonly at: number;
  /** `x-request-id`, or what else Envoy calls it. */
  readonly request: string;
  readonly envoy: string;
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly rule: string | null;
  readonly class: string;
  readonly links: readonly string[];
  /** `10.0.0.1:40000 > 10.60.0.9:8000`; null without an upstream. */
  readonly connection: string | null;
  readonly route: string;
  readonly cluster: string;
  readonly reason: string;
}

/** An Envoy that sends its access log. */
export interface AuditEnvoy {
  readonly name: string;
  /** Open now. */
  readonly streams: number;
  /** Since the beginning: more than one says that it, or its connection, began anew. */
  readonly connections: number;
  readonly entries: number;
}

/** A forwarder whose session events are heard. */
export interface AuditForwarder {
  readonly name: string;
  readonly heard: boolean;
  /** Why it is not; null where it is. */
  readonly reason: string | null;
  /** How often it was away, or had events that nobody heard. */
  readonly gaps: number;
  /** Events that nobody heard. */
  readonly lost: number;
  /** Sessions that are remembered. */
  readonly sessions: number;
  /** Sessions that there was no room for. */
  readonly forgotten: number;
  /** Whether it is known which links could be used. */
  readonly links: boolean;
}

/** All that is told. */
export interface AuditReport {
  /** Milliseconds since the epoch. */
  readonly from: number;
  readonly to: number;
  readonly policy: string;
  /** How often the policy was read anew, with another text. */
  readonly policyChanges: number;
  readonly total: Counts;
  readonly rows: readonly AuditRow[];
  readonly envoys: readonly AuditEnvoy[];
  readonly forwarders: readonly AuditForwarder[];
  readonly findings: readonly Finding[];
  /** Findings that there was no room for. */
  readonly moreFindings: number;
  /** Why requests are `unknown`, and how many. */
  readonly unknown: readonly { readonly reason: string; readonly requests: number }[];
  /** Requests that were tried more than once: only the last try is known. */
  readonly retried: number;
  /** Entries that came faster than they could be held; they are in no other number. */
  readonly overflow: number;
  /** Entries that are no request's last word: of TCP, of one try, in between. */
  readonly ignored: number;
  /** Streams that were one too many, and those that sent what is no access log. */
  readonly refused: number;
  /** Requests that are not judged yet. */
  readonly pending: number;
  /** Sentences on what may be set up wrongly. */
  readonly hints: readonly string[];
}
