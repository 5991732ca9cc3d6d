// SPDX-License-Identifier: Apache-2.0
/**
 * Notes the caller's token in its segment of the path, and our own in ours.
 *
 * When: on the way in of a Request, and of a Close too.
 * Where: after `begin`, before `authorize` (whose rules read the tokens) and
 * `timeout` (which goes by the caller's expiry).
 * Leaves: nothing.
 *
 * Our own is made for whoever called last, for it is the caller who checks that we are
 * whom it asked; it comes from the very connection of the call (`call.peer`). Where nobody
 * has called yet, or that connection's identity has ended, what stands in the path stays.
 */
import { status } from '@grpc/grpc-js';
import type { Call, ClientToken } from '../chain/call.js';
import { pathOf, previousSegment, toTimestamp, withSegment } from '../chain/connection.js';
import type { Guard } from '../chain/element.js';
import { WireError } from '../errors/wire-error.js';
import type { Connection } from '../gen/connection.js';
import type { Peer } from '../chain/peer.js';
import { stateKey } from '../chain/state.js';
import type { Security } from '../identity/security.js';

const lastPeer = stateKey<Peer>('peer');

/** The element. A peer's Request without a token is refused; at index 0 there is no peer. */
export function updateToken(security: Security): Guard {
  return {
    kind: 'guard',
    name: 'updateToken',

    async request(call, request, next) {
      // What `begin` starts itself has the peer's last token in the path already.
      if (previousSegment(request.connection) && !call.own && !call.token) {
        throw new WireError(
          status.UNAUTHENTICATED,
          'metadata nsm-client-token: missing: want a token, and its expiry in nsm-client-token-expires',
        );
      }
      const connection = await note(call, request.connection, security);
      return await next(call, { ...request, connection });
    },

    async close(call, connection, next) {
      await next(call, await note(call, connection, security));
    },
  };
}

async function note(call: Call, connection: Connection, security: Security): Promise<Connection> {
  const { index } = pathOf(connection);
  const mine = await ownToken(call, security);
  const noted =
    mine === undefined
      ? connection
      : withSegment(connection, index, {
          token: mine.token,
          expires: toTimestamp(mine.expiresMs),
        });
  if (call.token === undefined || index === 0) return noted;
  const { token, expiresMs } = call.token;
  return withSegment(noted, index - 1, { token, expires: toTimestamp(expiresMs) });
}

async function ownToken(
  { peer, state }: Call,
  security: Security,
): Promise<ClientToken | undefined> {
  if (security.kind === 'insecure') return security.tokens.issue();
  if (peer !== undefined) {
    state.set(lastPeer, peer);
    return await peer.token();
  }
  // A wire is held for longer than the certificate lives that its last caller was shown.
  return await state
    .get(lastPeer)
    ?.token()
    .catch(() => undefined);
}
