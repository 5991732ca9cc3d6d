// SPDX-License-Identifier: Apache-2.0
/**
 * Makes the node a gateway for an endpoint that lives in the node's own
 * namespace and asks for it: forwarding, and NAT.
 *
 * When: on the way back, from the mechanism that the endpoint answered. Close
 * takes the wish back; the last one ends it.
 * Where: after `connect` and before `wire`, so that the first packet finds it.
 * Leaves: the node as a gateway; a new life wishes it again for its wires, or
 * ends it.
 */
import { status } from '@grpc/grpc-js';
import type { Step } from '../../api/chain/element.js';
import { Rollback } from '../../api/chain/rollback.js';
import { stateKey } from '../../api/chain/state.js';
import { clientMechanism } from '../../api/elements/mechanism-translation.js';
import { WireError } from '../../api/errors/wire-error.js';
import type { Mechanism } from '../../api/gen/connection.js';
import type { Gateway } from '../gateway/gateway.js';
import { gatewayParameter, parseGatewayWish, type GatewayWish } from '../gateway/wish.js';
import { endpointSocket, type Socket } from '../mechanisms/kernel/index.js';
import { placeKey, type Place } from '../namespaces/namespaces.js';

/** What the element works with. */
export interface GatewayParts {
  readonly gateway: Pick<Gateway, 'hold' | 'release'>;
  /** The forwarder's own namespace: the node's. */
  readonly home: Place;
}

const held = stateKey<true>('gateway');

/** The element. */
export function gateway({ gateway, home }: GatewayParts): Step {
  return {
    kind: 'step',
    name: 'gateway',

    async request(call, request, next) {
      const { id } = request.connection;
      const endpoint = call.state.get(endpointSocket);
      const wish = wishedBy(call.state.get(clientMechanism), endpoint, home);
      if (wish === undefined) return next(call, request);
      await using rollback = new Rollback(call);
      if (!call.state.get(held)) rollback.add(() => gateway.release(id));
      await gateway.hold(id, wish);
      const answer = await next(call, request);
      call.state.set(held, true);
      rollback.commit();
      return answer;
    },

    close: (_call, { id }) => gateway.release(id),
  };
}

/** What an endpoint wants of the node; PERMISSION_DENIED where it lives elsewhere. */
export function wishedBy(
  mechanism: Mechanism | undefined,
  endpoint: Socket | undefined,
  home: Place,
): GatewayWish | undefined {
  const text = mechanism?.parameters[gatewayParameter];
  if (text === undefined || endpoint === undefined || endpoint.tunnel) return undefined;
  if (placeKey(endpoint.place.id) !== placeKey(home.id)) {
    throw new WireError(
      status.PERMISSION_DENIED,
      `${gatewayParameter}: only an endpoint in the node's own network namespace may make the node a gateway`,
    );
  }
  return parseGatewayWish(text);
}
