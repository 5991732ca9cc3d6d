// SPDX-License-Identifier: Apache-2.0
/** The door of the registries; entries and queries have the same shape and the same limits. */
import type { NetworkService, NetworkServiceEndpoint } from '../gen/registry.js';
import { keys, limits, list, text, texts } from './limits.js';

/** INVALID_ARGUMENT where a field has no sane size. */
export function checkService(service: NetworkService): void {
  text('name', service.name);
  text('payload', service.payload);
  list('path_ids', service.pathIds, limits.segments, text);
  list('matches', service.matches, limits.list, (field, match) => {
    texts(`${field}.source_selector`, match.sourceSelector);
    texts(`${field}.metadata.labels`, match.metadata?.labels ?? {});
    list(`${field}.routes`, match.routes, limits.list, (at, route) => {
      texts(`${at}.destination_selector`, route.destinationSelector);
    });
  });
}

/** INVALID_ARGUMENT where a field has no sane size. */
export function checkEndpoint(endpoint: NetworkServiceEndpoint): void {
  text('name', endpoint.name);
  text('url', endpoint.url);
  list('path_ids', endpoint.pathIds, limits.segments, text);
  list('network_service_names', endpoint.networkServiceNames, limits.list, text);
  const labels = endpoint.networkServiceLabels;
  for (const service of keys('network_service_labels', labels)) {
    texts(`network_service_labels.${service}`, labels[service]?.labels ?? {});
  }
}
