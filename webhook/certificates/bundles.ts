// SPDX-License-Identifier: Apache-2.0
/** Tells the API server whom to trust: `caBundle` of our webhook configurations. */
import type { Clock } from '../../api/chain/clock.js';
import type { Cluster, KubeObject, Resource } from '../../api/k8s/cluster.js';
import { informer, type Informer } from '../../api/k8s/informer.js';
import {
  mutatingWebhookConfigurations,
  validatingWebhookConfigurations,
} from '../../api/k8s/resources.js';
import type { Logger } from '../../api/log/log.js';

interface Configuration extends KubeObject {
  readonly webhooks?: readonly {
    readonly clientConfig?: { readonly caBundle?: string };
  }[];
}

/** What it works with. */
export interface BundlesOptions {
  readonly cluster: Cluster;
  /** Of both configurations. */
  readonly name: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Told when a configuration is not what it was. */
  readonly onChange: () => void;
}

const resources = [mutatingWebhookConfigurations, validatingWebhookConfigurations];

/** Our configurations, followed until it is disposed. */
export class Bundles implements Disposable {
  readonly #options: BundlesOptions;
  readonly #known: readonly {
    readonly resource: Resource;
    readonly found: Informer<Configuration>;
  }[];

  constructor(options: BundlesOptions) {
    this.#options = options;
    const { cluster, name, clock, log } = options;
    this.#known = resources.map((resource) => {
      // By name, so that the role can name it too.
      const which = { fieldSelector: `metadata.name=${name}`, clock, log };
      const found = informer<Configuration>(cluster, resource, which);
      found.onChange(options.onChange);
      return { resource, found };
    });
  }

  /** Write `bundle` where it is not; resolves to whether each configuration had it already. */
  async tell(bundle: string, signal: AbortSignal): Promise<boolean> {
    const { cluster, log, name } = this.#options;
    let had = true;
    for (const { resource, found } of this.#known) {
      await found.synced;
      signal.throwIfAborted();
      const configuration = found.get({ name });
      const webhooks = configuration?.webhooks ?? [];
      if (webhooks.every(({ clientConfig }) => clientConfig?.caBundle === bundle)) continue;
      had = false;
      const merge = {
        // Refused where somebody has changed it since: then we are told, and come again.
        metadata: { resourceVersion: configuration?.metadata.resourceVersion },
        webhooks: webhooks.map((one) => ({
          ...one,
          clientConfig: { ...one.clientConfig, caBundle: bundle },
        })),
      };
      await cluster.patch(resource, { name }, merge, undefined, signal);
      log.info({ resource: resource.plural, name }, 'told whom to trust');
    }
    return had;
  }

  [Symbol.dispose](): void {
    for (const { found } of this.#known) found[Symbol.dispose]();
  }
}
