// SPDX-License-Identifier: Apache-2.0
/**
 * Notes the caller's token in its segment of the path, and our own in ours.
 *
 * When: on the way in of a Request, and of a Close too.
 * Where: after `begin`, before `authorize` (whose rules read the tokens) and
 * `timeout` (which goes by the caller's expiry).
 * Leaves: nothing.
 */
import { status } from '@grpc/grpc-js';
import type { Call } from '../chain/call.js';
import { pathOf, previousSegment, toTimestamp, withSegment } from '../chain/connection.js';
import type { Guard } from '../chain/element.js';
import { WireError } from '../errors/wire-error.js';
import type { Connection } from '../gen/connection.js';
import type { Tokens } from './tokens.js';

/** The element. A peer's Request without a token is refused; at index 0 there is no peer. */
export function updateToken(tokens: Tokens): Guard {
  return {
    kind: 'guard',
    name: 'updateToken',

    request(call, request, next) {
      // What `begin` starts itself has the peer's last token in the path already.
      if (previousSegment(request.connection) && !call.own && !call.token) {
        throw new WireError(
          status.UNAUTHENTICATED,
          'metadata nsm-client-token: missing: want a token, and its expiry in nsm-client-token-expires',
        );
      }
      return next(call, { ...request, connection: note(call, request.connection, tokens) });
    },

    close: (call, connection, next) => next(call, note(call, connection, tokens)),
  };
}

function note(call: Call, connection: Connection, tokens: Tokens): Connection {
  const { index } = pathOf(connection);
  const mine = tokens.issue();
  const noted = withSegment(connection, index, {
    token: mine.token,
    expires: toTimestamp(mine.expiresMs),
  });
  if (call.token === undefined || index === 0) return noted;
  const { token, expiresMs } = call.token;
  return withSegment(noted, index - 1, { token, expires: toTimestamp(expiresMs) });
}
