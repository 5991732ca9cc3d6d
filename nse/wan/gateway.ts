// SPDX-License-Identifier: Apache-2.0
/**
 * Gives each client its addresses and routes as the site's gateway has them, and
 * tells the forwarder what the node must be for that.
 *
 * When: on the way in; on the way back notes the addresses of the wire. A wire
 * keeps the gateway it began with, so a changed one is that of new wires.
 * Where: in the place of the addresses, before `mechanisms`; {@link gatewayParameters}
 * is what `kernel` adds there.
 * Leaves: nothing; the forwarder makes the node a gateway, and ends it.
 */
import { status } from '@grpc/grpc-js';
import type { Call } from '../../api/chain/call.js';
import { ipOf, withIp } from '../../api/chain/connection.js';
import type { Request, Step } from '../../api/chain/element.js';
import { stateKey } from '../../api/chain/state.js';
import { WireError } from '../../api/errors/wire-error.js';
import type { Connection } from '../../api/gen/connection.js';
import { pointToPoint } from '../../api/ipam/point-to-point.js';
import type { SiteGateway } from '../../api/site/types.js';
import { routes } from '../elements/routes.js';

/** One version of the site's gateway, as elements. */
interface Serving {
  readonly gateway: SiteGateway;
  readonly addresses: Step;
  readonly routes: Step;
}

const key = stateKey<Serving>('gateway');

/** The mechanism parameter that the forwarder reads (forwarder/gateway). */
export const gatewayParameter = 'wanwire.gateway';

/** The element; `current` is the gateway as it is now, if there is one. */
export function gateway(current: () => SiteGateway | undefined): Step {
  const latest = latestOf(current);
  /** Addresses in use, by connection. */
  const inUse = new Map<string, { readonly by: Step; readonly addresses: readonly string[] }>();
  const others = (id: string, by: Step): readonly string[] =>
    [...inUse].flatMap(([other, lease]) =>
      other === id || lease.by === by ? [] : lease.addresses,
    );

  return {
    kind: 'step',
    name: 'gateway',

    async request(call, request, next) {
      const { id } = request.connection;
      const serving = call.state.getOr(key, latest);
      const { addresses } = serving;
      const { excludedPrefixes } = ipOf(request.connection);
      // Pools of a former gateway may overlap, and know nothing of these.
      const taken = others(id, addresses);
      const answer = await serving.routes.request(call, request, (routed, wish) =>
        addresses.request(
          routed,
          excluding(wish, [...excludedPrefixes, ...taken]),
          (addressed, given) => next(addressed, excluding(given, excludedPrefixes)),
        ),
      );
      inUse.set(id, { by: addresses, addresses: addressesOf(answer) });
      return answer;
    },

    async close(call, connection) {
      inUse.delete(connection.id);
      const serving = call.state.get(key);
      await serving?.addresses.close(call, connection);
      call.state.delete(key);
    },
  };
}

/** What the endpoint says in its KERNEL mechanism: the wish that its node be a gateway. */
export function gatewayParameters(call: Call): Readonly<Record<string, string>> {
  const serving = call.state.get(key);
  if (serving === undefined) return {};
  const { prefixes, routes: reached, nat } = serving.gateway;
  const wish = { prefixes: prefixes.flat(), routes: reached, nat };
  return { [gatewayParameter]: JSON.stringify(wish) };
}

/** Makes elements anew where what they are made of has changed: pools know who has which address. */
function latestOf(current: () => SiteGateway | undefined): () => Serving {
  let last: Serving | undefined;
  return () => {
    const now = current();
    if (now === undefined) throw new WireError(status.UNAVAILABLE, 'this site is no gateway');
    if (last?.gateway === now) return last;
    const same = JSON.stringify(last?.gateway.prefixes) === JSON.stringify(now.prefixes);
    last = {
      gateway: now,
      addresses: last !== undefined && same ? last.addresses : pointToPoint(now.prefixes),
      routes: routes(now.routes),
    };
    return last;
  };
}

function addressesOf(connection: Connection): readonly string[] {
  const { srcIpAddrs, dstIpAddrs } = ipOf(connection);
  return [...srcIpAddrs, ...dstIpAddrs];
}

function excluding(request: Request, excludedPrefixes: readonly string[]): Request {
  const connection = withIp(request.connection, { excludedPrefixes: [...excludedPrefixes] });
  return { ...request, connection };
}
