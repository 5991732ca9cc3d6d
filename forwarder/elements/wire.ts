// SPDX-License-Identifier: Apache-2.0
/**
 * Makes the wire of the answered Connection: the sum of its facets, on both
 * sides, in as few messages to the kernel as can be.
 *
 * When: after the endpoint has answered. A wire that stands and is as wished is
 * not written to. Close deletes it, whatever became of the endpoint.
 * Where: after `connect`, which closes the endpoint when this fails.
 * Leaves: the interfaces and a record of them, so that they outlive the
 * forwarder; a new life adopts them (`adopt.ts`), or sweeps what has no record.
 */
import { status } from '@grpc/grpc-js';
import { pathOf, withSegment } from '../../api/chain/connection.js';
import type { Step } from '../../api/chain/element.js';
import { Rollback } from '../../api/chain/rollback.js';
import { clientIdentity } from '../../api/elements/authorize.js';
import { clientMechanism } from '../../api/elements/mechanism-translation.js';
import { kernel } from '../../api/elements/kernel-mechanism.js';
import { WireError } from '../../api/errors/wire-error.js';
import type { Connection } from '../../api/gen/connection.js';
import type { Facet } from '../facets/facet.js';
import { clientSocket, endpointSocket, type Wish } from '../mechanisms/kernel/index.js';
import type { Wires } from '../mechanisms/kernel/index.js';
import { wishOf } from '../mechanisms/kernel/index.js';
import type { Records } from '../records.js';
import { wishedMtu } from './mtu.js';

/** What the element works with. */
export interface WireOptions {
  readonly forwarder: string;
  readonly wires: Pick<Wires, 'get' | 'realise' | 'restore' | 'remove'>;
  readonly records: Pick<Records, 'save' | 'remove'>;
}

/** The element; the facets in the order in which they are applied. */
export function wire(
  { forwarder, wires, records }: WireOptions,
  ...facets: readonly Facet[]
): Step {
  return {
    kind: 'step',
    name: 'wire',

    async request(call, request, next) {
      const client = call.state.get(clientSocket);
      const endpoint = call.state.get(endpointSocket);
      if (client === undefined) {
        throw new WireError(status.INTERNAL, 'wire: stands before the mechanism');
      }
      if (endpoint === undefined) {
        const { networkServiceEndpointName: name } = request.connection;
        const type = call.state.get(clientMechanism)?.type ?? 'no mechanism';
        throw new WireError(
          status.UNIMPLEMENTED,
          `mechanism: ${name} answered ${type}: want KERNEL, or VXLAN from another node`,
        );
      }
      const wish = wishOf(request.connection, { forwarder, client, endpoint, facets });
      const before = wires.get(wish.id);
      call.signal.throwIfAborted();

      await using rollback = new Rollback(call);
      rollback.add(() => wires.restore(wish.id, before));
      const { indexes } = await wires.realise(wish);
      const answer = await next(call, {
        ...request,
        connection: withInterfaces(request.connection, wish),
      });
      if (indexes) {
        const mechanism = call.state.get(clientMechanism);
        const identity = call.state.get(clientIdentity);
        const mtu = wishedMtu(call.state);
        records.save({ connection: answer, mechanism, client, endpoint, indexes, identity, mtu });
      }
      rollback.commit();
      return answer;
    },

    async close(_call, connection) {
      await wires.remove(connection.id);
      records.remove(connection.id);
    },
  };
}

/** Our segment's metrics, as NSM's forwarders name them. */
function withInterfaces(connection: Connection, { client, endpoint }: Wish): Connection {
  const { index, pathSegments } = pathOf(connection);
  return withSegment(connection, index, {
    metrics: {
      ...pathSegments[index]?.metrics,
      server_interface: `${kernel.type}/${client.name}`,
      client_interface: `${kernel.type}/${endpoint.name}`,
    },
  });
}
