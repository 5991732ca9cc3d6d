// SPDX-License-Identifier: Apache-2.0
/** The wished-for wire of an answered Connection. Pure; held by `wish.test.ts`. */
import type { Connection } from '../../../api/gen/connection.js';
import { sum, viewOf, type Facet } from '../../facets/facet.js';
import { aliasOf, macsOf, type Side, type SideName, type Socket, type Wish } from './side.js';

/** The two places, and what is to be there. */
export interface WishOptions {
  readonly forwarder: string;
  readonly client: Socket;
  readonly endpoint: Socket;
  readonly facets: readonly Facet[];
}

/** The sum of all facets on both sides; INVALID_ARGUMENT where the Connection says what cannot be. */
export function wishOf(connection: Connection, options: WishOptions): Wish {
  const { id } = connection;
  const macs = macsOf(id);
  const alias = aliasOf(options.forwarder, id);
  const side = (name: SideName, opposite: SideName): Side => {
    const view = viewOf(connection, name, { ownMac: macs[name], oppositeMac: macs[opposite] });
    const socket = options[name];
    const all = sum(options.facets.map((facet) => facet(view)));
    // A host end is a way through: it has no addresses, and nobody speaks there.
    const parts = socket.tunnel ? { ...sum([]), mtu: all.mtu, silent: true } : all;
    return { ...socket, wanted: { name: socket.name, mac: macs[name], alias, ...parts } };
  };
  return { id, client: side('client', 'endpoint'), endpoint: side('endpoint', 'client') };
}
