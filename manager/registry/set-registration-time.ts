// SPDX-License-Identifier: Apache-2.0
/**
 * Notes when an endpoint was first registered, once.
 *
 * When: on Register.
 * Where: before the store, which remembers the first time.
 * Leaves: nothing.
 */
import { toTimestamp } from '../../api/chain/connection.js';
import type { NetworkServiceEndpoint } from '../../api/gen/registry.js';
import type { Memory } from './memory.js';
import type { Layer } from './stack.js';

/** The layer. */
export function setRegistrationTime(
  store: Memory<NetworkServiceEndpoint>,
): Layer<NetworkServiceEndpoint> {
  return (rest) => ({
    ...rest,
    register(call, endpoint) {
      const first = store.get(endpoint.name)?.initialRegistrationTime;
      const initialRegistrationTime = first ?? toTimestamp(call.clock.now());
      return rest.register(call, { ...endpoint, initialRegistrationTime });
    },
  });
}
