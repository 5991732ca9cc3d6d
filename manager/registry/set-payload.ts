// SPDX-License-Identifier: Apache-2.0
/**
 * A service registered without payload has payload IP.
 *
 * When: on Register.
 * Where: before the store.
 * Leaves: nothing.
 */
import type { NetworkService } from '../../api/gen/registry.js';
import type { Layer } from './stack.js';

/** The layer. */
export function setPayload(): Layer<NetworkService> {
  return (rest) => ({
    ...rest,
    register: (call, service) =>
      rest.register(call, { ...service, payload: service.payload === '' ? 'IP' : service.payload }),
  });
}
