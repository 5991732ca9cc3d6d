// SPDX-License-Identifier: Apache-2.0
/** The manager's registries without a manager, and a count of what was asked of them. */
import { systemClock, type Clock } from '../../api/chain/clock.js';
import { NetworkService, NetworkServiceEndpoint } from '../../api/gen/registry.js';
import { silentLogger } from '../../api/log/log.js';
import type { Registries, Registry, RegistryCall } from '../../api/registry/registry.js';
import { registries, type ManagerRegistries } from '../../manager/registry/chain.js';

/** Empty registries. */
export function testRegistries(
  clock: Clock = systemClock,
  info: Readonly<Record<string, string>> = {},
): ManagerRegistries {
  const log = silentLogger();
  return registries({ expireMs: 60_000, info, publicUrl: () => undefined, clock, log });
}

/** A registry call without deadline. */
export function registryCall(
  clock: Clock = systemClock,
  change: Partial<RegistryCall> = {},
): RegistryCall {
  return { signal: new AbortController().signal, log: silentLogger(), clock, ...change };
}

/** Register a service that is written as in JSON. */
export function addService(
  to: Registries,
  service: object,
  clock?: Clock,
): Promise<NetworkService> {
  return to.services.register(registryCall(clock), NetworkService.fromJSON(service));
}

/** Register an endpoint of `services` with the same labels for each; its URL is `unix:///NAME`. */
export function addEndpoint(
  to: Registries,
  name: string,
  services: readonly string[],
  labels: Readonly<Record<string, string>> = {},
  clock?: Clock,
): Promise<NetworkServiceEndpoint> {
  const endpoint = NetworkServiceEndpoint.fromPartial({
    name,
    url: `unix:///${name}`,
    networkServiceNames: [...services],
    networkServiceLabels: Object.fromEntries(services.map((service) => [service, { labels }])),
  });
  return to.endpoints.register(registryCall(clock), endpoint);
}

/** The same registries, and how often each was asked to find something. */
export function counted(of: Registries): Registries & { finds: number } {
  const counting = <T>(registry: Registry<T>): Registry<T> => ({
    ...registry,
    find(call, query, watch) {
      both.finds++;
      return registry.find(call, query, watch);
    },
  });
  const both = {
    finds: 0,
    services: counting(of.services),
    endpoints: counting(of.endpoints),
  };
  return both;
}
