// SPDX-License-Identifier: Apache-2.0
/**
 * Network services that somebody has applied (`kubectl apply`) have the last word.
 *
 * When: on Register and Unregister of such a name.
 * Where: before `ownedServices`, as `fileServices` is without Kubernetes.
 * Leaves: nothing.
 *
 * An endpoint that registers a service of that name without matches, as endpoints do, gets what is
 * applied; one that says otherwise is refused, and nothing is written.
 */
import { status } from '@grpc/grpc-js';
import { isDeepStrictEqual } from 'node:util';
import { WireError } from '../../api/errors/wire-error.js';
import type { NetworkService } from '../../api/gen/registry.js';
import type { Layer } from '../registry/stack.js';
import { managerKey } from './entries.js';
import type { KubeStore } from './store.js';

/** The layer. */
export function declaredServices(store: KubeStore<NetworkService>): Layer<NetworkService> {
  const declared = (name: string): NetworkService | undefined => {
    const object = store.stored(name);
    const isApplied =
      object !== undefined && object.metadata.annotations?.[managerKey] === undefined;
    return isApplied ? store.get(name) : undefined;
  };
  return (rest) => ({
    ...rest,
    async register(call, service) {
      const applied = declared(service.name);
      if (applied === undefined) return await rest.register(call, service);
      const { name, payload, matches, pathIds } = service;
      if (payload !== '' && payload !== applied.payload) {
        throw refused(name, `has payload ${applied.payload}, not ${payload}`);
      }
      if (matches.length > 0 && !isDeepStrictEqual(matches, applied.matches)) {
        throw refused(name, 'has other matches');
      }
      // Who asks looks for itself in it.
      return { ...applied, pathIds };
    },
    async unregister(call, service) {
      if (declared(service.name) !== undefined)
        throw refused(service.name, 'cannot be unregistered');
      await rest.unregister(call, service);
    },
  });
}

function refused(name: string, why: string): WireError {
  const text = `network service ${name} is an object that was applied to Kubernetes, and ${why}`;
  return new WireError(status.PERMISSION_DENIED, text);
}
