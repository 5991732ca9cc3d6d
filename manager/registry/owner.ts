// SPDX-License-Identifier: Apache-2.0
/**
 * Keeps a name with whoever registered it first.
 *
 * When: on Register and Unregister.
 * Where: before whatever changes an entry; the owner becomes `path_ids[0]`.
 * Leaves: nothing; a name is free again once its entry was deleted or has expired.
 *
 * The owner is the subject of the caller's token. Development tokens are
 * unsigned, so for now this guards against mistakes, not against malice; with
 * identity the token is verified before.
 */
import { isDeepStrictEqual } from 'node:util';
import { status } from '@grpc/grpc-js';
import { WireError } from '../../api/errors/wire-error.js';
import type { NetworkService, NetworkServiceEndpoint } from '../../api/gen/registry.js';
import type { RegistryCall } from '../../api/registry/registry.js';
import type { Memory } from './memory.js';
import type { Layer } from './stack.js';

interface Owned {
  readonly name: string;
  readonly pathIds: string[];
}

/** The layer for endpoints; `store` says who owns a name. */
export function ownedEndpoints(
  store: Memory<NetworkServiceEndpoint>,
): Layer<NetworkServiceEndpoint> {
  return (rest) => ({
    ...rest,
    async register(call, entry) {
      const pathIds = ownerOf(call);
      checkOwner('endpoint', store.get(entry.name), pathIds);
      return await rest.register(call, { ...entry, pathIds });
    },
    async unregister(call, entry) {
      checkOwner('endpoint', store.get(entry.name), ownerOf(call));
      await rest.unregister(call, entry);
    },
  });
}

/** The layer for services: several endpoints may register the same service if they say the same of it. */
export function ownedServices(store: Memory<NetworkService>): Layer<NetworkService> {
  return (rest) => ({
    ...rest,
    async register(call, entry) {
      const pathIds = ownerOf(call);
      const before = store.get(entry.name);
      if (before !== undefined && saysTheSame(before, entry)) return before;
      checkOwner('network service', before, pathIds);
      return await rest.register(call, { ...entry, pathIds });
    },
    async unregister(call, entry) {
      checkOwner('network service', store.get(entry.name), ownerOf(call));
      await rest.unregister(call, entry);
    },
  });
}

function saysTheSame(before: NetworkService, entry: NetworkService): boolean {
  const payload = entry.payload === '' ? before.payload : entry.payload;
  return before.payload === payload && isDeepStrictEqual(before.matches, entry.matches);
}

function checkOwner(noun: string, before: Owned | undefined, pathIds: readonly string[]): void {
  const owner = before?.pathIds[0];
  if (before === undefined || owner === pathIds[0]) return;
  throw new WireError(
    status.PERMISSION_DENIED,
    `${noun} ${before.name} belongs to ${owner ?? 'somebody without a token'}, ` +
      `not to ${pathIds[0] ?? 'a caller without a token'}`,
  );
}

/** The subject of the caller's token as a list of one; empty without a token. */
function ownerOf(call: RegistryCall): string[] {
  const claims = call.token?.token.split('.')[1];
  if (claims === undefined) return [];
  try {
    const parsed: unknown = JSON.parse(Buffer.from(claims, 'base64url').toString());
    if (typeof parsed === 'object' && parsed !== null && 'sub' in parsed) {
      return typeof parsed.sub === 'string' ? [parsed.sub] : [];
    }
  } catch {
    // Whether a token must be a JWT is decided where tokens are verified.
  }
  return [];
}
