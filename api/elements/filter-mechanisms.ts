// SPDX-License-Identifier: Apache-2.0
/**
 * Drops the preferences that cannot reach the next hop: LOCAL ones serve a peer
 * on this machine (`unix://`, `inode://`), REMOTE ones any other.
 *
 * When: on the way in.
 * Where: in a client chain, after `offer`, before `remote`.
 * Leaves: nothing.
 */
import { status } from '@grpc/grpc-js';
import type { Step } from '../chain/element.js';
import { WireError } from '../errors/wire-error.js';
import type { Mechanism } from '../gen/connection.js';
import { nextHop } from './next-hop.js';

/** The element. Refuses a Request that is left without any mechanism. */
export function filterMechanisms(): Step {
  return {
    kind: 'step',
    name: 'filterMechanisms',

    async request(call, request, next) {
      const url = call.state.get(nextHop) ?? '';
      const cls = /^(unix|inode):/.test(url) ? 'LOCAL' : 'REMOTE';
      const kept = request.mechanismPreferences.filter((mechanism) => mechanism.cls === cls);
      if (kept.length === 0 && request.connection.mechanism === undefined) {
        const had = request.mechanismPreferences.map(describe).join(', ') || 'none';
        throw new WireError(
          status.UNIMPLEMENTED,
          `mechanism preferences: ${had}: want a ${cls} one for the next hop ${url}`,
        );
      }
      return next(call, { ...request, mechanismPreferences: kept });
    },

    close: () => Promise.resolve(),
  };
}

function describe({ cls, type }: Mechanism): string {
  return `${type} (${cls})`;
}
