// SPDX-License-Identifier: Apache-2.0
/**
 * Knows who registers: notes the caller's token and ours in the path, and in the entry's
 * `path_ids` one SPIFFE ID a hop, the first of them the registrant's.
 *
 * When: on Register and Unregister, on the way in. Find needs no path, as upstream.
 * Where: first.
 * Leaves: nothing; the path goes back to the caller.
 *
 * Without identities it is the subject of the caller's token alone, which then guards
 * against mistakes, not against malice.
 */
import { status } from '@grpc/grpc-js';
import { WireError } from '../../api/errors/wire-error.js';
import { readToken } from '../../api/identity/token.js';
import type { Security } from '../../api/identity/security.js';
import { emptyPath, stepInto } from '../../api/registry/path.js';
import type { RegistryCall } from '../../api/registry/registry.js';
import type { Layer } from './stack.js';

/** The layer. */
export function registryPath<T extends { readonly pathIds: string[] }>(
  security: Security | undefined,
): Layer<T> {
  const isSecure = security?.kind === 'spiffe';
  const known = async (call: RegistryCall, entry: T): Promise<T> => ({
    ...entry,
    pathIds: isSecure ? await hops(call) : caller(call),
  });
  return (rest) => ({
    ...rest,
    register: async (call, entry) => await rest.register(call, await known(call, entry)),
    unregister: async (call, entry) => {
      await rest.unregister(call, await known(call, entry));
    },
  });
}

/** Put the caller and us into the path; who stands in it. Of the site's own files nobody. */
async function hops({
  path = emptyPath(),
  peer,
  token,
  arrivedOn,
}: RegistryCall): Promise<string[]> {
  if (arrivedOn === undefined) return [];
  const own = await peer?.token();
  if (own === undefined || token === undefined) {
    const text =
      'metadata nsm-client-token: missing: want a token, and its expiry in nsm-client-token-expires';
    throw new WireError(status.UNAUTHENTICATED, text);
  }
  stepInto(path, token.token, own.token);
  return path.tokens.slice(0, path.index + 1).map(subjectOf);
}

function caller({ token }: RegistryCall): string[] {
  const subject = token === undefined ? '' : subjectOf(token.token);
  return subject === '' ? [] : [subject];
}

/** Whether it must be a token at all is for the rules to say. */
function subjectOf(token: string): string {
  try {
    return readToken(token).subject;
  } catch {
    return '';
  }
}
