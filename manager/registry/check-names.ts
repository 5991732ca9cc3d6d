// SPDX-License-Identifier: Apache-2.0
/**
 * Refuses entries that nobody could find or dial.
 *
 * When: on Register; and on Unregister, which needs a name.
 * Where: first in both stacks, so that the others need not ask.
 * Leaves: nothing.
 */
import { invalid } from '../../api/errors/wire-error.js';
import type { NetworkService, NetworkServiceEndpoint } from '../../api/gen/registry.js';
import { parseAddress } from '../../api/grpc/address.js';
import type { Layer } from './stack.js';

/** The layer for services. */
export function checkServiceNames(): Layer<NetworkService> {
  return (rest) => ({
    ...rest,
    async register(call, service) {
      checkName('name', service.name);
      return await rest.register(call, service);
    },
    async unregister(call, service) {
      checkName('name', service.name);
      await rest.unregister(call, service);
    },
  });
}

/** The layer for endpoints. */
export function checkEndpointNames(): Layer<NetworkServiceEndpoint> {
  return (rest) => ({
    ...rest,
    async register(call, endpoint) {
      checkName('name', endpoint.name);
      for (const name of endpoint.networkServiceNames) checkName('network_service_names', name);
      const address = parseAddress(endpoint.url);
      if (address.kind === 'tcp' && (address.host === '' || address.port === 0)) {
        throw invalid('url', endpoint.url, 'a host and port that can be dialled');
      }
      return await rest.register(call, endpoint);
    },
    async unregister(call, endpoint) {
      checkName('name', endpoint.name);
      await rest.unregister(call, endpoint);
    },
  });
}

/** Visible characters without spaces, as names go into paths, logs and object names. */
const usable = /^[^\s\p{C}]{1,253}$/u;

function checkName(field: string, name: string): void {
  // The one name that no JavaScript object can have as an ordinary key.
  if (!usable.test(name) || name === '__proto__') {
    throw invalid(field, name.slice(0, 64), 'a name of 1 to 253 characters without spaces');
  }
  if (name.includes('@')) {
    throw invalid(
      field,
      name,
      'a name without @, which stands before the site when other sites ask',
    );
  }
}
