// SPDX-License-Identifier: Apache-2.0
/** An endpoint's entries in the registry: its services, then itself. Kept until closed. */
import type { Clock } from '../api/chain/clock.js';
import { NetworkService, NetworkServiceEndpoint } from '../api/gen/registry.js';
import type { Logger } from '../api/log/log.js';
import { keepRegistered, type Registration } from '../api/registry/registration.js';
import type { Registries } from '../api/registry/registry.js';

/** What is registered. */
export interface Entry {
  readonly name: string;
  readonly url: string;
  readonly services: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly payload?: 'IP' | 'ETHERNET';
  readonly registerServices?: boolean;
}

/** Start to keep `entry` registered. */
export function register(
  registries: Registries,
  entry: Entry,
  options: { readonly clock: Clock; readonly log: Logger },
): Registration {
  const { name, url, services, labels = {}, payload = 'IP', registerServices = true } = entry;
  const endpoint = NetworkServiceEndpoint.fromPartial({
    name,
    url,
    networkServiceNames: [...services],
    networkServiceLabels: Object.fromEntries(services.map((service) => [service, { labels }])),
  });
  const shared = registerServices
    ? services.map((service) => NetworkService.fromPartial({ name: service, payload }))
    : [];
  return keepEntry(registries, { endpoint, services: shared }, options);
}

/** Start to keep an endpoint registered, and before it each time the services. */
export function keepEntry(
  registries: Registries,
  {
    endpoint,
    services,
  }: {
    readonly endpoint: NetworkServiceEndpoint;
    readonly services: readonly NetworkService[];
  },
  options: { readonly clock: Clock; readonly log: Logger },
): Registration {
  return keepRegistered({ registries: servicesFirst(registries, services), endpoint, ...options });
}

/** Registering the endpoint registers the services before, so that both survive a registry that forgot. */
function servicesFirst(registries: Registries, shared: readonly NetworkService[]): Registries {
  const { services, endpoints } = registries;
  return {
    services,
    endpoints: {
      async register(call, entry) {
        for (const service of shared) await services.register(call, service);
        return endpoints.register(call, entry);
      },
      unregister: (call, entry) => endpoints.unregister(call, entry),
      find: (call, query, watch) => endpoints.find(call, query, watch),
    },
  };
}
