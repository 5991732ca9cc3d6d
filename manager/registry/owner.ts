// SPDX-License-Identifier: Apache-2.0
/**
 * Keeps a name with whoever registered it first, and others' tokens out.
 *
 * When: on Register and Unregister.
 * Where: after `registryPath`, which knows who asks, and before whatever changes an entry.
 * Leaves: nothing; a name is free again once its entry was deleted or has expired.
 */
import { isDeepStrictEqual } from 'node:util';
import type { NetworkService, NetworkServiceEndpoint } from '../../api/gen/registry.js';
import { clientAllowed } from '../../api/identity/rules/client-allowed.js';
import { obey, type Owner } from '../../api/identity/rules/rule.js';
import { registryServerRules } from '../../api/identity/rules/sets.js';
import type { Security } from '../../api/identity/security.js';
import type { RegistryCall } from '../../api/registry/registry.js';
import type { Memory } from './memory.js';
import type { Layer } from './stack.js';

interface Owned {
  readonly name: string;
  readonly pathIds: string[];
}

/** The layer for endpoints; `store` says who owns a name. */
export function ownedEndpoints(
  store: Pick<Memory<NetworkServiceEndpoint>, 'get'>,
  security: Security | undefined,
): Layer<NetworkServiceEndpoint> {
  const check = checkOf('endpoint', security);
  return (rest) => ({
    ...rest,
    async register(call, entry) {
      await check(call, store.get(entry.name), entry);
      return await rest.register(call, entry);
    },
    async unregister(call, entry) {
      await check(call, store.get(entry.name), entry);
      await rest.unregister(call, entry);
    },
  });
}

/** The layer for services: several endpoints may register the same service if they say the same of it. */
export function ownedServices(
  store: Memory<NetworkService>,
  security: Security | undefined,
): Layer<NetworkService> {
  const check = checkOf('network service', security);
  return (rest) => ({
    ...rest,
    async register(call, entry) {
      const before = store.get(entry.name);
      if (before !== undefined && saysTheSame(before, entry)) {
        await check(call, undefined, entry);
        // Who asks looks for itself in it.
        return { ...before, pathIds: entry.pathIds };
      }
      await check(call, before, entry);
      return await rest.register(call, entry);
    },
    async unregister(call, entry) {
      await check(call, store.get(entry.name), entry);
      await rest.unregister(call, entry);
    },
  });
}

function saysTheSame(before: NetworkService, entry: NetworkService): boolean {
  const payload = entry.payload === '' ? before.payload : entry.payload;
  return before.payload === payload && isDeepStrictEqual(before.matches, entry.matches);
}

type Check = (call: RegistryCall, before: Owned | undefined, asked: Owned) => Promise<void>;

/** Without identities there is only the word of the caller. */
function checkOf(noun: string, security: Security | undefined): Check {
  const isSecure = security?.kind === 'spiffe';
  const rules = isSecure ? registryServerRules : [clientAllowed];
  return async (call, before, asked) => {
    if (isSecure && call.arrivedOn === undefined) return;
    const path = call.path ?? { index: 0, tokens: [] };
    const owner: Owner | undefined = before && {
      what: `${noun} ${before.name}`,
      id: before.pathIds[0],
    };
    const left = path.tokens.slice(0, path.index + 1);
    const tokens = isSecure ? left : asked.pathIds.length === 0 ? [] : [call.token?.token ?? ''];
    const { peer, clock } = call;
    await obey(rules, { tokens, index: path.index, peer, nowMs: clock.now(), owner });
  };
}
