// SPDX-License-Identifier: Apache-2.0
/**
 * A Kubernetes cluster as the rest of wanwire sees it: objects as they are in JSON, and errors that
 * say what to do.
 */
import type { Clock } from '../chain/clock.js';
import type { Logger } from '../log/log.js';

/** A kind of object. */
export interface Resource {
  /** `v1`, `apps/v1`. */
  readonly apiVersion: string;
  /** `Pod`. */
  readonly kind: string;
  /** As in URLs and roles: `pods`. */
  readonly plural: string;
  readonly namespaced: boolean;
}

/** Another object that this one goes with. */
export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

/** What every object has. */
export interface Metadata {
  readonly name: string;
  /** Instead of a name, at a create: the API server adds the rest of it. */
  readonly generateName?: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** RFC 3339. */
  readonly creationTimestamp?: string;
  /** RFC 3339; it is being deleted. */
  readonly deletionTimestamp?: string;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly OwnerReference[];
}

/** Any object; a type of its own adds `spec` and `status`. */
export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: Metadata;
}

/** Which object of a kind. */
export interface Place {
  readonly name: string;
  /** Ours where it is not given and the kind has namespaces. */
  readonly namespace?: string | undefined;
}

/** Which objects of a kind. */
export interface ListOptions {
  /** Every namespace where it is not given. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

/** A list and the moment it is of. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly resourceVersion: string;
}

/** What a watch tells. */
export type WatchEvent<T> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  /** Nothing has changed up to this version. */
  | { readonly type: 'BOOKMARK'; readonly object: KubeObject };

/** How long a watch may last and be silent. */
export interface WatchOptions extends ListOptions {
  readonly resourceVersion: string;
  /** After which the API server ends it, in seconds. */
  readonly timeoutSeconds: number;
  /** It is broken off where nothing comes for this long, in milliseconds. */
  readonly silenceMs: number;
  /** The API server has begun to answer. */
  readonly onOpen?: () => void;
}

/**
 * A cluster. Each call rejects with a `WireError`: UNAVAILABLE where the API server does not answer,
 * PERMISSION_DENIED with what to grant, NOT_FOUND for a kind it does not know, ABORTED for a conflict.
 */
export interface Cluster extends Disposable {
  /** The namespace we are in. */
  readonly namespace: string;
  /** The API server's URL. */
  readonly server: string;
  /** Nothing where there is none. */
  get<T extends KubeObject>(
    resource: Resource,
    place: Place,
    signal?: AbortSignal,
  ): Promise<T | undefined>;
  list<T extends KubeObject>(
    resource: Resource,
    options?: ListOptions,
    signal?: AbortSignal,
  ): Promise<readonly T[]>;
  /** `list` with the version to watch from. */
  listAt<T extends KubeObject>(
    resource: Resource,
    options?: ListOptions,
    signal?: AbortSignal,
  ): Promise<Page<T>>;
  /** What changes after a version, until the API server ends it. Throws `GoneError` where the version is too old. */
  watch<T extends KubeObject>(
    resource: Resource,
    options: WatchOptions,
    signal?: AbortSignal,
  ): AsyncIterable<WatchEvent<T>>;
  /** ALREADY_EXISTS where there is one of that name. */
  create<T extends KubeObject>(resource: Resource, object: T, signal?: AbortSignal): Promise<T>;
  /** Throws `ConflictError` where the object has changed since its `resourceVersion`. */
  replace<T extends KubeObject>(resource: Resource, object: T, signal?: AbortSignal): Promise<T>;
  /** By a JSON merge patch (RFC 7386). */
  patch<T extends KubeObject>(
    resource: Resource,
    place: Place,
    merge: object,
    options?: { readonly subresource?: 'status' },
    signal?: AbortSignal,
  ): Promise<T>;
  /** Server-side apply: the fields in it are ours from now on, whosever they were; makes it where there is none. */
  apply<T extends KubeObject>(
    resource: Resource,
    object: T,
    options: { readonly fieldManager: string; readonly subresource?: 'status' },
    signal?: AbortSignal,
  ): Promise<T>;
  /** Also where it is gone. With `uid` only that very one. */
  remove(
    resource: Resource,
    place: Place & { readonly uid?: string },
    signal?: AbortSignal,
  ): Promise<void>;
}

/** Where a cluster is, and with whose rights. */
export interface ClusterOptions {
  /** A file; where not given the pod's service account, else `KUBECONFIG` or ~/.kube/config. */
  readonly kubeconfig?: string | undefined;
  /** The file's current one where not given. */
  readonly context?: string | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}
