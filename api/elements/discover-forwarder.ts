// SPDX-License-Identifier: Apache-2.0
/**
 * A manager's choice: which forwarder carries a Request.
 *
 * When: on the way in, around the rest of the chain, which runs once for each
 * forwarder it tries. A connection that has a forwarder keeps it unless it asks
 * to be chosen for anew, or that forwarder cannot be reached. A Close goes to
 * the forwarder in the path if this process does not know another.
 * Where: last before `connect`.
 * Leaves: nothing.
 *
 * The network service's first match that fits the Request's labels decides which
 * forwarders may (by its metadata; those with `p2p: true` where it has none).
 * A missing service or forwarder is waited for until shortly before the deadline.
 */
import { status } from '@grpc/grpc-js';
import type { Call } from '../chain/call.js';
import { nextSegment } from '../chain/connection.js';
import type { Request, RequestNext, Step } from '../chain/element.js';
import { UnreachableError } from '../errors/unreachable-error.js';
import { invalid, WireError } from '../errors/wire-error.js';
import { State, type Connection } from '../gen/connection.js';
import { NetworkService, NetworkServiceEndpoint } from '../gen/registry.js';
import { findAll, lookUp } from '../registry/look-up.js';
import { forwardersFor } from '../registry/match.js';
import type { Registries } from '../registry/registry.js';
import { chosenKey, type Chosen } from './candidates.js';
import { noForwarder, noService } from './discover-errors.js';
import { nextHop } from './next-hop.js';
import { agreedPayload } from './payload.js';
import { tryInTurn } from './try-in-turn.js';
import { WeightedTurn } from './weighted-turn.js';

/** Which forwarders are ours. */
export interface DiscoverForwarderOptions {
  /** The network service forwarders register for (`NSM_FORWARDER_NETWORK_SERVICE_NAME`). */
  readonly serviceName: string;
  /** Only forwarders whose URL contains this: in a shared registry, the manager's own URL. */
  readonly ownUrl?: string;
}

/** The element. */
export function discoverForwarder(registries: Registries, options: DiscoverForwarderOptions): Step {
  const turn = new WeightedTurn();
  return {
    kind: 'step',
    name: 'discoverForwarder',

    async request(call, request, next) {
      const chosen = call.state.get(chosenKey);
      const reselect = request.connection.state === State.RESELECT_REQUESTED;
      if (chosen === undefined || reselect) return await choose(call, request, next);
      call.state.set(nextHop, chosen.url);
      try {
        return await next(call, request);
      } catch (reason) {
        if (!(reason instanceof UnreachableError) || call.signal.aborted) throw reason;
        return await choose(call, request, next);
      }
    },

    async close(call, connection) {
      const name = nextSegment(connection)?.name;
      if (name === undefined || call.state.get(nextHop) !== undefined) return;
      const query = NetworkServiceEndpoint.fromPartial({ name });
      const [forwarder] = await findAll(call, registries.endpoints, query);
      if (forwarder !== undefined) call.state.set(nextHop, forwarder.url);
    },
  };

  async function choose(call: Call, request: Request, next: RequestNext): Promise<Connection> {
    const hops = await find(call, request.connection).catch((reason: unknown) =>
      standing(call, request.connection, reason),
    );
    return await tryInTurn(call, hops, (attempt) => next(attempt, request));
  }

  /** Another site's service cannot be looked up while that is away: the forwarder that has the wire keeps it. */
  async function standing(
    call: Call,
    connection: Connection,
    reason: unknown,
  ): Promise<readonly Chosen[]> {
    const name = nextSegment(connection)?.name;
    const isAway = reason instanceof WireError && reason.code === status.UNAVAILABLE;
    if (!isAway || name === undefined || connection.state === State.RESELECT_REQUESTED)
      throw reason;
    const query = NetworkServiceEndpoint.fromPartial({ name });
    const [forwarder] = await findAll(call, registries.endpoints, query);
    if (forwarder === undefined) throw reason;
    return [{ name, url: forwarder.url }];
  }

  async function find(call: Call, connection: Connection): Promise<readonly Chosen[]> {
    const { networkService, payload, labels } = connection;
    const { serviceName, ownUrl = '' } = options;
    if (networkService === '') {
      throw invalid('connection.network_service', '', 'the name of a network service');
    }
    const ask = {
      services: NetworkService.fromPartial({ name: networkService }),
      endpoints: NetworkServiceEndpoint.fromPartial({
        networkServiceNames: [serviceName],
        url: ownUrl,
      }),
    };
    const looked = await lookUp(call, registries, ask, ({ services, endpoints }) => {
      const [service] = services;
      if (service === undefined) return undefined;
      agreedPayload(service, payload);
      const may = forwardersFor(service, endpoints, labels, serviceName);
      return may.length === 0 ? undefined : may;
    });
    if (looked.choice !== undefined) return ordered(looked.choice, connection);
    if (looked.services.length === 0) throw await noService(call, registries, networkService);
    throw noForwarder(serviceName, looked.endpoints, labels);
  }

  /** The one already in the path first, the others in turn. */
  function ordered(
    forwarders: readonly NetworkServiceEndpoint[],
    connection: Connection,
  ): readonly Chosen[] {
    const hops = new Map(forwarders.map(({ name, url }) => [name, { name, url }]));
    const reselect = connection.state === State.RESELECT_REQUESTED;
    const before = reselect ? undefined : hops.get(nextSegment(connection)?.name ?? '');
    const names = turn.order(new Map(forwarders.map(({ name }) => [name, 1])));
    const others = names.flatMap((name) => hops.get(name) ?? []);
    return before === undefined ? others : [before, ...others.filter((hop) => hop !== before)];
  }
}
