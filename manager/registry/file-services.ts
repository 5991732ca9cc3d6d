// SPDX-License-Identifier: Apache-2.0
/**
 * The network services that the site's files declare (`kind: NetworkService`).
 *
 * When: `set` at the start and whenever the files change; on Register and Unregister of such a name.
 * Where: before `ownedServices`, in front of the store, into which it writes itself.
 * Leaves: nothing.
 *
 * The file has the last word. An endpoint that registers a service of that name
 * without matches, as endpoints do, gets the file's; one that has matches of its own is refused.
 * A service that the files no longer declare is gone, unless endpoints serve it:
 * then it stays, without matches.
 */
import { status } from '@grpc/grpc-js';
import { isDeepStrictEqual } from 'node:util';
import { WireError } from '../../api/errors/wire-error.js';
import { NetworkService } from '../../api/gen/registry.js';
import type { RegistryCall } from '../../api/registry/registry.js';
import type { NetworkServiceDocument } from '../../api/site/types.js';
import type { Memory } from './memory.js';
import type { Layer } from './stack.js';

/** The layer, and what tells it of the files. */
export interface FileServices {
  readonly layer: Layer<NetworkService>;
  /** Declare these, and no others. */
  set(call: RegistryCall, documents: readonly NetworkServiceDocument[]): Promise<void>;
}

/** Make the layer; `isServed` says whether endpoints have registered for a service. */
export function fileServices(
  store: Memory<NetworkService>,
  isServed: (name: string) => boolean,
): FileServices {
  const declared = new Map<string, NetworkService>();

  async function withdraw(call: RegistryCall, name: string): Promise<void> {
    const before = store.get(name);
    if (before === undefined) return;
    if (isServed(name)) await store.register(call, { ...before, matches: [], pathIds: [] });
    else await store.unregister(call, before);
  }

  return {
    layer: (rest) => ({
      ...rest,
      async register(call, service) {
        const ours = declared.get(service.name);
        if (ours === undefined) return await rest.register(call, service);
        checkSame(ours, service);
        return ours;
      },
      async unregister(call, service) {
        if (declared.has(service.name)) throw refused(service.name, 'cannot be unregistered');
        await rest.unregister(call, service);
      },
    }),

    async set(call, documents) {
      const wanted = new Map(documents.map((document) => [document.name, serviceOf(document)]));
      for (const name of [...declared.keys()]) {
        if (wanted.has(name)) continue;
        declared.delete(name);
        await withdraw(call, name);
      }
      for (const [name, service] of wanted) {
        if (isDeepStrictEqual(declared.get(name), service)) continue;
        declared.set(name, service);
        await store.register(call, service);
      }
    },
  };
}

function serviceOf({ name, payload, matches }: NetworkServiceDocument): NetworkService {
  return NetworkService.fromPartial({
    name,
    payload,
    matches: matches.map(({ sourceSelector, routes, fallthrough }) => ({
      sourceSelector: { ...sourceSelector },
      routes: routes.map(({ destinationSelector, weight }) => ({
        destinationSelector: { ...destinationSelector },
        weight,
      })),
      fallthrough,
    })),
  });
}

function checkSame(ours: NetworkService, service: NetworkService): void {
  const { name, payload, matches } = service;
  if (payload !== '' && payload !== ours.payload) {
    throw refused(name, `has payload ${ours.payload}, not ${payload}`);
  }
  if (matches.length > 0 && !isDeepStrictEqual(matches, ours.matches)) {
    throw refused(name, 'has other matches');
  }
}

function refused(name: string, why: string): WireError {
  const text = `network service ${name} is declared by the site file, and ${why}`;
  return new WireError(status.PERMISSION_DENIED, text);
}
