// SPDX-License-Identifier: Apache-2.0
/** The end of a wire that a tunnel goes on from. */
import { createHash } from 'node:crypto';
import type { Place } from '../../namespaces/namespaces.js';
import type { Socket } from '../kernel/side.js';
import type { Tunnel } from './tunnel.js';

/** In the forwarder's own namespace; named by the connection, so that a refresh finds it again. */
export function hostEnd(home: Place, connectionId: string, tunnel: Tunnel): Socket {
  const tail = createHash('sha256').update(connectionId).digest('hex').slice(0, 11);
  return { place: home, name: `ww-${tail}`, field: 'host end of the wire', tunnel };
}
