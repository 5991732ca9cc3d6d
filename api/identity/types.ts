// SPDX-License-Identifier: Apache-2.0
/** What a process knows of itself and of those it may trust. */
import type { KeyObject, X509Certificate } from 'node:crypto';
import type { Clock } from '../chain/clock.js';
import type { Logger } from '../log/log.js';

/** An X.509-SVID with its key. */
export interface Svid {
  /** `spiffe://domain/path`. */
  readonly id: string;
  /** DER, the leaf first, without the root. */
  readonly chain: readonly Buffer[];
  /** The leaf. */
  readonly certificate: X509Certificate;
  /** EC P-256: tokens are ES256. */
  readonly key: KeyObject;
  /** Milliseconds since 1970. */
  readonly notBeforeMs: number;
  /** Milliseconds since 1970. */
  readonly notAfterMs: number;
}

/** Roots by trust domain (`edge.example`, without scheme): the own one and the federated ones. */
export type Bundles = ReadonlyMap<string, readonly X509Certificate[]>;

/** One moment's identity. A new object whenever anything in it has changed. */
export interface Identity {
  readonly svid: Svid;
  readonly bundles: Bundles;
}

/** What asking for an identity needs. */
export interface Surroundings {
  readonly log: Logger;
  readonly clock: Clock;
  /** Ends the waiting for the first one. */
  readonly signal?: AbortSignal | undefined;
}

/** Where the identity comes from: an agent's Workload API, or the embedded authority. */
export interface IdentitySource extends Disposable {
  /** UNAVAILABLE, saying what to do, where there is none: not yet, or the last one has expired. */
  current(): Identity;
  /** Told after each change, also when it has expired; the answer ends that. */
  onChange(listener: () => void): () => void;
}
