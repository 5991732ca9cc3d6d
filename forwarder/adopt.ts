// SPDX-License-Identifier: Apache-2.0
/**
 * Knows again, at the start, the wires that a former life of this forwarder
 * made: a refresh then finds its interface, a Close removes it.
 *
 * A record whose namespace or interface is gone is dropped. Run once, before
 * Requests are served and before the sweep, which removes what was not adopted.
 */
import { status } from '@grpc/grpc-js';
import { contextOf } from '../api/chain/connection.js';
import type { Begin } from '../api/elements/begin.js';
import { clientIdentity } from '../api/elements/authorize.js';
import type { ConnectionEvents } from '../api/elements/connection-events.js';
import { rememberAnswer } from '../api/elements/hold.js';
import { clientMechanism } from '../api/elements/mechanism-translation.js';
import { WireError } from '../api/errors/wire-error.js';
import type { Logger } from '../api/log/log.js';
import type { Wan } from './chain.js';
import { wishedBy } from './elements/gateway.js';
import { rememberMtu } from './elements/mtu.js';
import { steeredWire } from './elements/steer.js';
import type { Facet } from './facets/facet.js';
import type { GatewayWish } from './gateway/wish.js';
import { findNamed } from './links/session.js';
import {
  clientSocket,
  endpointSocket,
  type Side,
  type Socket,
  type Wires,
  wishOf,
} from './mechanisms/kernel/index.js';
import { openPlace, type Namespaces } from './namespaces/namespaces.js';
import type { Records, WireRecord } from './records.js';

/** Who is told of an adopted wire. */
export interface AdoptOptions {
  readonly forwarder: string;
  /** As in the chain: what of a Connection became the wire. */
  readonly facets: readonly Facet[];
  readonly records: Records;
  readonly namespaces: Namespaces;
  readonly wires: Wires;
  readonly wan?: Wan | undefined;
  readonly begin: Begin;
  readonly events: ConnectionEvents;
  readonly log: Logger;
}

/** Adopt what stands; the ids of the adopted connections. */
export async function adopt(options: AdoptOptions): Promise<ReadonlySet<string>> {
  const { records, log } = options;
  const adopted = new Set<string>();
  for (const record of records.load()) {
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
  const { connection, mechanism, identity, mtu } = record;
  const { forwarder, facets, namespaces } = options;
  const client = await found(record.client, namespaces);
  const endpoint = await found(record.endpoint, namespaces);
  const wish = wishOf(connection, { forwarder, facets, client, endpoint });
  const indexes = { near: await standing(wish.client), far: await standing(wish.endpoint) };
  await options.wires.adopt({ wish, indexes });
  const steered = steeredWire(connection, { client, endpoint, indexes }, identity);
  if (steered !== undefined) await options.wan?.steering.add(steered);
  await wishAgain(
    options.wan,
    connection.id,
    wishedBy(mechanism, endpoint, options.namespaces.home()),
  );
  const state = options.begin.adopt(connection);
  if (mechanism !== undefined) state.set(clientMechanism, mechanism);
  if (steered?.leader) rememberAnswer(state, { ...connection, mechanism }, Date.now());
  if (identity !== undefined) state.set(clientIdentity, identity);
  if (mtu !== undefined) rememberMtu(state, mtu, contextOf(connection).MTU);
  state.set(clientSocket, client);
  state.set(endpointSocket, endpoint);
  options.events.update(connection);
  options.records.save({ ...record, client, endpoint, indexes });
}

async function wishAgain(wan: Wan | undefined, id: string, wish?: GatewayWish): Promise<void> {
  if (wish !== undefined) await wan?.gateway.hold(id, wish);
}

/** The process it was found by may have ended, and the namespace live on. */
async function found(socket: Socket, namespaces: Namespaces): Promise<Socket> {
  const { id, path } = socket.place;
  return { ...socket, place: await namespaces.byId(id, 'record', path) };
}

/** The index of the side's interface; NOT_FOUND where it is not there, or not ours. */
async function standing({ place, name, wanted }: Side): Promise<number> {
  using netns = await openPlace(place);
  const [link] = await findNamed(netns, [name]);
  if (link?.alias === wanted.alias) return link.index;
  throw new WireError(status.NOT_FOUND, `record: ${name}: no such interface of ours`);
}
