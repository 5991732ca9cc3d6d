// SPDX-License-Identifier: Apache-2.0
/**
 * Gives each client its addresses and routes as the site's gateway has them, and
 * tells the forwarder what the node must be for that.
 *
 * When: on the way in; on the way back notes the addresses of the wire. A wire keeps the
 * addresses it began with; routes and NAT are, with its next refresh, those of now.
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
import { parsePrefix } from '../../api/env/cidr.js';
import { pointToPoint } from '../../api/ipam/point-to-point.js';
import type { SiteGateway } from '../../api/site/types.js';
import { routes } from '../elements/routes.js';

/** One version of the site's gateway, as elements. */
interface Serving {
  readonly gateway: SiteGateway;
  /** Those that `addresses` gives. */
  readonly prefixes: SiteGateway['prefixes'];
  readonly addresses: Step;
  /** Those that `routes` gives. */
  readonly reached: readonly string[];
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
      const before = call.state.get(key);
      const serving = servingNow(before, latest);
      call.state.set(key, serving);
      const { addresses } = serving;
      const { excludedPrefixes } = ipOf(request.connection);
      // Pools of a former gateway may overlap, and know nothing of these.
      const taken = others(id, addresses);
      const answer = await serving.routes.request(
        call,
        rerouted(request, before, serving),
        (routed, wish) =>
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
  const { routes: reached, nat } = serving.gateway;
  const wish = { prefixes: serving.prefixes.flat(), routes: reached, nat };
  return { [gatewayParameter]: JSON.stringify(wish) };
}

/** Whether wires that stand must hear of it. */
export function isOtherForWires(before: SiteGateway | undefined, now: SiteGateway | undefined) {
  const told = (one: SiteGateway): string => JSON.stringify([one.routes, one.nat]);
  return before !== undefined && now !== undefined && told(before) !== told(now);
}

/** Of a wire that stands: the addresses that it has, everything else as it is now. */
function servingNow(before: Serving | undefined, latest: () => Serving | undefined): Serving {
  const now = latest();
  if (before === undefined) {
    if (now === undefined) throw new WireError(status.UNAVAILABLE, 'this site is no gateway');
    return now;
  }
  const { addresses, prefixes } = before;
  return now === undefined ? before : { ...now, addresses, prefixes };
}

/** Without routes of ours that are no more; an endpoint that was restarted knows them by what is left. */
function rerouted(request: Request, before: Serving | undefined, { reached }: Serving): Request {
  const { srcRoutes, srcIpAddrs, dstIpAddrs } = ipOf(request.connection);
  const isOurs = (prefix: string): boolean =>
    before === undefined
      ? srcIpAddrs.length > 0 && !dstIpAddrs.includes(prefix)
      : before.reached.includes(prefix);
  const stay = srcRoutes.filter(({ prefix }) => reached.includes(prefix) || !isOurs(prefix));
  if (stay.length === srcRoutes.length) return request;
  return { ...request, connection: withIp(request.connection, { srcRoutes: stay }) };
}

/** Makes elements anew where what they are made of has changed: pools know who has which address. */
function latestOf(current: () => SiteGateway | undefined): () => Serving | undefined {
  let last: Serving | undefined;
  return () => {
    const now = current();
    if (now === undefined) return undefined;
    if (last?.gateway === now) return last;
    const same = JSON.stringify(last?.gateway.prefixes) === JSON.stringify(now.prefixes);
    last = {
      gateway: now,
      prefixes: now.prefixes,
      addresses: last !== undefined && same ? last.addresses : pointToPoint(now.prefixes),
      reached: now.routes.map(parsePrefix),
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
