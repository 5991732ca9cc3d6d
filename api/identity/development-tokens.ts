// SPDX-License-Identifier: Apache-2.0
/** Tokens for development: unsigned, and no proof of anything. Real ones are in `token.ts`. */
import type { ClientToken } from '../chain/call.js';
import type { Clock } from '../chain/clock.js';

/** Issues tokens in this process's name. */
export interface Tokens {
  /** A fresh token. */
  issue(): ClientToken;
}

/** Unsigned tokens (`alg: none`) that carry a name and an expiry, and prove nothing. */
export function developmentTokens(name: string, lifetimeMs: number, clock: Clock): Tokens {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const head = part({ alg: 'none', typ: 'JWT' });
  return {
    issue() {
      const expiresMs = clock.now() + lifetimeMs;
      const claims = { sub: `development:${name}`, exp: Math.floor(expiresMs / 1000) };
      return { token: `${head}.${part(claims)}.`, expiresMs };
    },
  };
}

/** A token as gRPC metadata. */
export function tokenMetadata({ token, expiresMs }: ClientToken): Record<string, string> {
  return {
    'nsm-client-token': token,
    'nsm-client-token-expires': new Date(expiresMs).toISOString(),
  };
}
