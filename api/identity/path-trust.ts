// SPDX-License-Identifier: Apache-2.0
/** Whether those in a connection's path are trusted now: a trust domain may be withdrawn while its wires stand. */
import type { Connection } from '../gen/connection.js';
import type { Security } from './security.js';
import { parseSpiffeId } from './spiffe-id.js';
import { readToken } from './token.js';

/** Asked of a connection as it was last answered; always yes without identities. */
export type PathTrust = (connection: Connection) => boolean;

/** By the bundles there are at that moment. An identity of our own that has ended withdraws nobody. */
export function pathTrust(security: Security): PathTrust {
  if (security.kind === 'insecure') return () => true;
  return ({ path }) => {
    let bundles;
    try {
      ({ bundles } = security.source.current());
    } catch {
      return true;
    }
    return (path?.pathSegments ?? []).every(
      ({ token }) => token === '' || bundles.has(domainOf(token) ?? ''),
    );
  };
}

function domainOf(token: string): string | undefined {
  try {
    return parseSpiffeId(readToken(token).subject).trustDomain;
  } catch {
    return undefined;
  }
}
