// SPDX-License-Identifier: Apache-2.0
/**
 * Shows local callers where an endpoint is, and others where this manager is.
 *
 * When: on every Find, and on the answer to a Register.
 * Where: before what looks at URLs (`checkEndpointNames` stands before it, on
 * Register) and after the door, which knows the listener a call came in on.
 * Leaves: nothing.
 *
 * A call that came over TCP is another node's: it reaches the endpoint only
 * through this manager, so it sees the manager's public URL. Calls on the unix
 * socket, and the manager's own, see the URL as registered.
 */
import type { NetworkServiceEndpoint } from '../../api/gen/registry.js';
import type { Found } from '../../api/registry/registry.js';
import type { Layer } from './stack.js';

/**
 * The layer; `publicUrl` is where other nodes reach this manager. In a registry that several managers share,
 * `isOurs` says who has registered here: others' URLs are already those of their managers.
 */
export function localBypass(
  publicUrl: () => string | undefined,
  isOurs: (name: string) => boolean = () => true,
): Layer<NetworkServiceEndpoint> {
  return (rest) => ({
    ...rest,
    async *find(call, query, watch): AsyncGenerator<Found<NetworkServiceEndpoint>> {
      const isRemote = call.arrivedOn?.startsWith('tcp:') === true;
      const url = isRemote ? publicUrl() : undefined;
      if (url === undefined) {
        yield* rest.find(call, query, watch);
        return;
      }
      for await (const found of rest.find(call, { ...query, url: '' }, watch)) {
        const entry = isOurs(found.entry.name) ? { ...found.entry, url } : found.entry;
        // The URL asked for is the one this caller sees.
        if (entry.url.includes(query.url)) yield { ...found, entry };
      }
    },
  });
}
