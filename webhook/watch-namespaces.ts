// SPDX-License-Identifier: Apache-2.0
/** The namespaces of the cluster: by an informer, and one that it has not heard of by a question. */
import type { Clock } from '../api/chain/clock.js';
import type { Cluster, KubeObject } from '../api/k8s/cluster.js';
import { informer } from '../api/k8s/informer.js';
import { namespaces as resource } from '../api/k8s/resources.js';
import type { Logger } from '../api/log/log.js';
import type { NamespaceFacts, Namespaces } from './namespaces.js';

/** Followed until it is disposed. */
export interface WatchedNamespaces extends Namespaces, Disposable {
  /** They have been heard of once. */
  readonly areKnown: boolean;
}

/** A pod waits no longer than that for a namespace that is seconds old. */
const patienceMs = 2_000;

/** Begin to watch. */
export function watchNamespaces(
  cluster: Cluster,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): WatchedNamespaces {
  const known = informer<KubeObject>(cluster, resource, { clock, log });
  let areKnown = false;
  void known.synced.then(
    () => (areKnown = true),
    () => undefined,
  );
  return {
    get areKnown() {
      return areKnown;
    },
    async get(name) {
      const found =
        known.get({ name }) ??
        (await cluster.get(resource, { name }, AbortSignal.timeout(patienceMs)));
      return found && factsOf(found);
    },
    [Symbol.dispose]() {
      known[Symbol.dispose]();
    },
  };
}

function factsOf({ metadata }: KubeObject): NamespaceFacts {
  return { labels: metadata.labels ?? {}, annotations: metadata.annotations ?? {} };
}
