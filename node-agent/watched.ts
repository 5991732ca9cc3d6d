// SPDX-License-Identifier: Apache-2.0
/** What of the cluster the node-agent follows. */
import type { Clock } from '../api/chain/clock.js';
import { informer, type Informer } from '../api/k8s/informer.js';
import {
  configMaps,
  networkServices,
  nodes,
  pods,
  sites,
  steeringPolicies,
  wires,
} from '../api/k8s/resources.js';
import type { Cluster, KubeObject, ListOptions, Resource } from '../api/k8s/types.js';
import type { Logger } from '../api/log/log.js';
import type { Objects } from './desired.js';
import type { ConfigMapObject, PolicyObject, ServiceObject } from './objects.js';
import type { SiteObject, WireObject } from './objects.js';
import { labelOf, nodeLabel } from './wires.js';

/** What {@link Watched} needs. */
export interface WatchedOptions {
  readonly cluster: Cluster;
  readonly node: string;
  /** The ConfigMap of trust bundles. */
  readonly bundles: { readonly name: string; readonly namespace: string };
  readonly clock: Clock;
  readonly log: Logger;
  readonly changed: () => void;
}

/** See the head of this file; until disposed. */
export class Watched implements Disposable {
  readonly #options: WatchedOptions;
  readonly #all: Informer<KubeObject>[] = [];
  readonly sites: Informer<SiteObject>;
  readonly policies: Informer<PolicyObject>;
  readonly pods: Informer<KubeObject>;
  readonly wires: Informer<WireObject>;
  readonly #services: Informer<ServiceObject>;
  readonly #nodes: Informer<KubeObject>;
  readonly #bundles: Informer<ConfigMapObject>;

  constructor(options: WatchedOptions) {
    this.#options = options;
    const { node, bundles } = options;
    const { namespace } = bundles;
    this.sites = this.#follow(sites);
    this.policies = this.#follow(steeringPolicies);
    this.#services = this.#follow(networkServices);
    this.#nodes = this.#follow(nodes, { fieldSelector: `metadata.name=${node}` });
    const name = `metadata.name=${bundles.name}`;
    this.#bundles = this.#follow(configMaps, { namespace, fieldSelector: name });
    this.pods = this.#follow(pods, { fieldSelector: `spec.nodeName=${node}` });
    this.wires = this.#follow(wires, { labelSelector: `${nodeLabel}=${labelOf(node)}` });
  }

  /** All that files are made of is known; never where one may not be read. */
  get synced(): Promise<unknown> {
    const needed = [this.sites, this.policies, this.#services, this.#nodes, this.#bundles];
    return Promise.all(needed.map(({ synced }) => synced));
  }

  /** Whether there is a Node of our name, as far as is known. */
  get isNode(): boolean {
    const name = this.#options.node;
    return !this.#nodes.isCurrent || this.#nodes.get({ name }) !== undefined;
  }

  /** Why what is known may be old. */
  get trouble(): string | undefined {
    return this.#all.find(({ trouble }) => trouble !== undefined)?.trouble?.message;
  }

  /** What files are made of, as it is now. */
  get objects(): Omit<Objects, 'right'> {
    const { node, bundles } = this.#options;
    return {
      node,
      nodeLabels: this.#nodes.get({ name: node })?.metadata.labels ?? {},
      sites: this.sites.items.map((one) => named(sites, one)),
      policies: this.policies.items.map((one) => named(steeringPolicies, one)),
      services: this.#services.items.map((one) => named(networkServices, one)),
      bundles: this.#bundles.get(bundles),
    };
  }

  [Symbol.dispose](): void {
    for (const one of this.#all) one[Symbol.dispose]();
  }

  #follow<T extends KubeObject>(resource: Resource, which: ListOptions = {}): Informer<T> {
    const { cluster, clock, log, changed } = this.#options;
    const followed = informer<T>(cluster, resource, { ...which, clock, log });
    followed.onChange(changed);
    void followed.synced.then(changed, () => undefined);
    this.#all.push(followed);
    return followed;
  }
}

/** A list's items do not say of which kind they are. */
function named<T extends KubeObject>({ apiVersion, kind }: Resource, object: T): T {
  return { ...object, apiVersion, kind };
}
