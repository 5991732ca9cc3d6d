// SPDX-License-Identifier: Apache-2.0
/**
 * Steers the wire to another node: its packets go on by strands.
 *
 * When: after `wire` has made the interface. A wire within the node is none of
 * its business. Close takes it out of the data plane.
 * Where: after `wire`, last.
 * Leaves: the data plane's entries, so that packets flow without the forwarder;
 * a new life adds its wires again, and prunes the rest.
 */
import { status } from '@grpc/grpc-js';
import { contextOf, pathOf } from '../../api/chain/connection.js';
import type { Step } from '../../api/chain/element.js';
import { Rollback } from '../../api/chain/rollback.js';
import { clientIdentity } from '../../api/elements/authorize.js';
import { WireError } from '../../api/errors/wire-error.js';
import type { Connection } from '../../api/gen/connection.js';
import { macsOf, type Indexes, type SideName, type Socket } from '../mechanisms/kernel/index.js';
import { clientSocket, endpointSocket, type Wires } from '../mechanisms/kernel/index.js';
import { placeKey } from '../namespaces/namespaces.js';
import type { AskAgain } from '../steering/again.js';
import type { Steering } from '../steering/steering.js';
import type { SteeredWire } from '../steering/wire.js';

/** What the element works with. */
export interface SteerOptions {
  readonly wires: Pick<Wires, 'get'>;
  readonly steering: Pick<Steering, 'get' | 'add' | 'remove'>;
  /** Told of the wires that we asked a peer for. */
  readonly again: Pick<AskAgain, 'keep' | 'forget'>;
}

/** The element. */
export function steer({ wires, steering, again }: SteerOptions): Step {
  return {
    kind: 'step',
    name: 'steer',

    async request(call, request, next) {
      const { connection } = request;
      const client = call.state.get(clientSocket);
      const endpoint = call.state.get(endpointSocket);
      const indexes = wires.get(connection.id)?.indexes;
      if (!client || !endpoint || !indexes) {
        throw new WireError(status.INTERNAL, 'steer: stands before the wire');
      }
      const identity = call.state.get(clientIdentity);
      const steered = steeredWire(connection, { client, endpoint, indexes }, identity);
      if (steered === undefined) return next(call, request);
      const before = steering.get(connection.id);
      await using rollback = new Rollback(call);
      rollback.add(() => (before ? steering.add(before) : steering.remove(connection.id)));
      await steering.add(steered);
      const answer = await next(call, request);
      rollback.commit();
      if (steered.leader) again.keep(connection.id, call.again);
      return answer;
    },

    close(_call, { id }) {
      again.forget(id);
      return steering.remove(id);
    },
  };
}

/** Both ends of a wire that is there. */
export interface Ends {
  readonly client: Socket;
  readonly endpoint: Socket;
  readonly indexes: Indexes;
}

/** What steering must know of the wire; nothing where both ends are on this node. */
export function steeredWire(
  connection: Connection,
  { client, endpoint, indexes }: Ends,
  identity: string | undefined,
): SteeredWire | undefined {
  const { tunnel } = client.tunnel ? client : endpoint;
  if (tunnel === undefined) return undefined;
  const macs = macsOf(connection.id);
  const leader = endpoint.tunnel !== undefined;
  const [near, far]: readonly [SideName, SideName] = leader
    ? ['client', 'endpoint']
    : ['endpoint', 'client'];
  const own = leader ? client : endpoint;
  const host = leader ? endpoint : client;
  const [target, port] = leader ? [indexes.near, indexes.far] : [indexes.far, indexes.near];
  return {
    id: connection.id,
    client: pathOf(connection).pathSegments[0]?.name ?? '',
    service: connection.networkService.split('@')[0] ?? '',
    labels: connection.labels,
    identity,
    leader,
    ethernet: connection.payload === 'ETHERNET',
    mtu: contextOf(connection).MTU,
    vni: tunnel.vni,
    peer: tunnel.peer,
    port: { ifindex: port, mac: macs[far] },
    target: {
      ifindex: target,
      name: own.name,
      mac: macs[near],
      atHome: placeKey(own.place.id) === placeKey(host.place.id),
    },
  };
}
