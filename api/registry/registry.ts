// SPDX-License-Identifier: Apache-2.0
/** The registry's interface: the manager's own store and a remote one look the same. */
import type { NetworkService, NetworkServiceEndpoint } from '../gen/registry.js';
import type { Clock } from '../chain/clock.js';
import type { Logger } from '../log/log.js';
import type { ClientToken, Peer } from '../chain/peer.js';
import type { RegistryPath } from './path.js';

/** What travels beside a registry call. */
export interface RegistryCall {
  readonly signal: AbortSignal;
  /** Milliseconds since 1970; none for a watching Find. */
  readonly deadlineMs?: number;
  readonly log: Logger;
  readonly clock: Clock;
  /** What the caller sent as its token, if anything. */
  readonly token?: ClientToken;
  /** Who calls; none without TLS, and none for a call made within this process. */
  readonly peer?: Peer;
  /** The registration's path, as the caller sent it; it goes back to the caller as we leave it. */
  readonly path?: RegistryPath;
  /** The listen URL it came in on; none for a call made within this process. */
  readonly arrivedOn?: string;
  /** Files to send along, of a call to a remote registry. */
  readonly descriptors?: readonly number[];
  /** Told of the connection that carries a call to a remote registry. */
  readonly onPeer?: (peer: Peer) => void;
}

/** One entry as a Find tells it. */
export interface Found<T> {
  readonly entry: T;
  /** It is gone; `entry` is as it was last. */
  readonly deleted: boolean;
}

/** One kind of registry. Empty fields of a query match any (nsm-protocol section 6, "Find matching"). */
export interface Registry<T> {
  /** Register or refresh; resolves to the entry as stored. */
  register(call: RegistryCall, entry: T): Promise<T>;
  /** Resolves also where there was no such entry. */
  unregister(call: RegistryCall, entry: T): Promise<void>;
  /** The matching entries, then, with `watch`, their changes until `call.signal`. */
  find(call: RegistryCall, query: T, watch: boolean): AsyncIterable<Found<T>>;
}

/** Both kinds. */
export interface Registries {
  readonly services: Registry<NetworkService>;
  readonly endpoints: Registry<NetworkServiceEndpoint>;
}
