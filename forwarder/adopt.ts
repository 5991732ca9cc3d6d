// SPDX-License-Identifier: Apache-2.0
/**
 * Knows again, at the start, the wires that a former life of this forwarder
 * made: a refresh then finds its interface, a Close removes it.
 *
 * A record whose namespace or interface is gone is dropped. Run once, before
 * Requests are served and before the sweep, which removes what was not adopted.
 */
import { status } from '@grpc/grpc-js';
import type { Begin } from '../api/elements/begin.js';
import type { ConnectionEvents } from '../api/elements/connection-events.js';
import { clientMechanism } from '../api/elements/mechanism-translation.js';
import { WireError } from '../api/errors/wire-error.js';
import type { Logger } from '../api/log/log.js';
import { findNamed } from './links/session.js';
import {
  clientSocket,
  endpointSocket,
  type Indexes,
  type Side,
  type Wires,
} from './mechanisms/kernel/index.js';
import { openPlace, type Namespaces } from './namespaces/namespaces.js';
import type { Records, WireRecord } from './records.js';

/** Who is told of an adopted wire. */
export interface AdoptOptions {
  readonly records: Records;
  readonly namespaces: Namespaces;
  readonly wires: Wires;
  readonly begin: Begin;
  readonly events: ConnectionEvents;
  readonly log: Logger;
}

/** Adopt what stands; the ids of the adopted connections. */
export async function adopt(options: AdoptOptions): Promise<ReadonlySet<string>> {
  const { records, log } = options;
  const adopted = new Set<string>();
  for (const record of records.load(log)) {
    const { id } = record.connection;
    try {
      await adoptOne(record, options);
      adopted.add(id);
    } catch (reason) {
      if (!(reason instanceof WireError)) throw reason;
      log.info({ conn: id, err: reason }, 'a wire of a former life is gone');
      records.remove(id);
    }
  }
  return adopted;
}

async function adoptOne(record: WireRecord, options: AdoptOptions): Promise<void> {
  const { connection, mechanism } = record;
  const [client, near] = await stands(record.wish.client, options.namespaces);
  const [endpoint, far] = await stands(record.wish.endpoint, options.namespaces);
  const wish = { ...record.wish, client, endpoint };
  const indexes: Indexes = { near, far };
  await options.wires.adopt({ wish, indexes });
  const state = options.begin.adopt(connection);
  if (mechanism !== undefined) state.set(clientMechanism, mechanism);
  state.set(clientSocket, client);
  state.set(endpointSocket, endpoint);
  options.events.update(connection);
  options.records.save({ ...record, wish, indexes });
}

/** The side where it is now, and its interface's index; NOT_FOUND where it is gone. */
async function stands(side: Side, namespaces: Namespaces): Promise<readonly [Side, number]> {
  const { id, path } = side.place;
  const place = await namespaces.byId(id, 'record', path);
  using netns = await openPlace(place);
  const [link] = await findNamed(netns, [side.name]);
  if (link?.alias !== side.wanted.alias) {
    throw new WireError(status.NOT_FOUND, `record: ${side.name}: no such interface of ours`);
  }
  return [{ ...side, place }, link.index];
}
