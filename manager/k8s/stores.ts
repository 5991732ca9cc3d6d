// SPDX-License-Identifier: Apache-2.0
/**
 * Both stores of the registry in the Kubernetes API, and the end of what nobody refreshes.
 *
 * Who registered an endpoint deletes it when it expires. What a manager leaves that is gone with its node
 * is deleted by any other, once it has been over for `graceMs`: the deletion is of that very
 * version of that very object, so it does no harm when several do it, and nobody has to lead.
 *
 * It needs, in networkservicemesh.io: get, list, watch, create, update and delete of networkservices
 * and networkserviceendpoints, in all namespaces.
 */
import { timestampMs } from '../../api/chain/connection.js';
import type { Clock, Timer } from '../../api/chain/clock.js';
import type { NetworkService, NetworkServiceEndpoint } from '../../api/gen/registry.js';
import { networkServiceEndpoints, networkServices } from '../../api/k8s/resources.js';
import type { Cluster } from '../../api/k8s/types.js';
import type { Logger } from '../../api/log/log.js';
import { endpointKind, serviceKind } from '../registry/memory.js';
import { endpointCodec, serviceCodec, type Author } from './entries.js';
import { kubeStore, type KubeStore } from './store.js';

/** What they depend on. */
export interface StoresOptions extends Author {
  readonly cluster: Cluster;
  /** Where objects are made (`NSM_NAMESPACE`). */
  readonly namespace: string;
  /** The network service that forwarders register for. */
  readonly forwarderService: string;
  /** Whether an owner of what has registered here is gone. */
  readonly isOwnerGone?: (id: string) => boolean;
  /** How long what has expired stays for its own manager to delete; clocks of nodes may differ by as much. */
  readonly graceMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Stores for `registries`. */
export interface KubeStores extends Disposable {
  readonly services: KubeStore<NetworkService>;
  readonly endpoints: KubeStore<NetworkServiceEndpoint>;
}

/** Open them, and wait for what there is, at most `waitMs`. */
export async function kubeStores(options: StoresOptions, waitMs: number): Promise<KubeStores> {
  const { cluster, namespace, manager, forwarderService, graceMs, clock, log } = options;
  const common = { cluster, namespace, manager, clock, log };
  const services = kubeStore<NetworkService>({
    ...{ ...common, resource: networkServices },
    ...{ kind: serviceKind, codec: serviceCodec(options) },
  });
  const codec = endpointCodec(options, forwarderService);
  const endpoints = kubeStore<NetworkServiceEndpoint>({
    ...{ ...common, resource: networkServiceEndpoints },
    ...{ kind: endpointKind, codec, isOwnerGone: options.isOwnerGone },
  });
  let timer: Timer | undefined;
  const sweep = (): void => {
    timer = clock.after(graceMs / 2, () => {
      sweepOnce(endpoints, manager, graceMs, { clock, log });
      sweep();
    });
  };
  sweep();
  let late: Timer | undefined;
  await Promise.race([
    Promise.all([services.synced, endpoints.synced]),
    new Promise<void>((resolve) => {
      late = clock.after(waitMs, () => {
        log.warn('the registry is not read yet: going on with what registers here');
        resolve();
      });
    }),
  ]);
  late?.cancel();
  return {
    services,
    endpoints,
    [Symbol.dispose]() {
      timer?.cancel();
      services[Symbol.dispose]();
      endpoints[Symbol.dispose]();
    },
  };
}

function sweepOnce(
  endpoints: KubeStore<NetworkServiceEndpoint>,
  manager: string,
  graceMs: number,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): void {
  const codec = endpointCodec({ manager, publicUrl: () => undefined }, '');
  for (const object of endpoints.objects) {
    // As its own manager sees it: also what is out of reach from here ends.
    const { annotations: _, ...metadata } = object.metadata;
    const end = codec.decode({ ...object, metadata })?.expirationTime;
    if (end === undefined || timestampMs(end) + graceMs > clock.now()) continue;
    log.info({ endpoint: object.metadata.name }, 'expired long ago');
    endpoints.sweep(object).catch((reason: unknown) => {
      log.debug({ endpoint: object.metadata.name, err: reason }, 'not deleted');
    });
  }
}
