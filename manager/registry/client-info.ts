// SPDX-License-Identifier: Apache-2.0
/**
 * Adds where this manager runs to the labels of each of an endpoint's services.
 *
 * When: on Register. A label that the endpoint has set itself stays.
 * Where: before the store.
 * Leaves: nothing.
 */
import type { NetworkServiceEndpoint, NetworkServiceLabels } from '../../api/gen/registry.js';
import type { Labels } from '../../api/registry/match.js';
import type { Layer } from './stack.js';

/** The layer; `info` holds `nodeName` and the like. */
export function endpointInfo(info: Labels): Layer<NetworkServiceEndpoint> {
  return (rest) => ({
    ...rest,
    register(call, endpoint) {
      const before = endpoint.networkServiceLabels;
      const networkServiceLabels: Record<string, NetworkServiceLabels> = { ...before };
      for (const name of endpoint.networkServiceNames) {
        const own = Object.hasOwn(before, name) ? before[name]?.labels : undefined;
        networkServiceLabels[name] = { ...before[name], labels: { ...info, ...own } };
      }
      return rest.register(call, { ...endpoint, networkServiceLabels });
    },
  });
}
