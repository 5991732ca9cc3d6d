// SPDX-License-Identifier: Apache-2.0
/**
 * Finds the endpoints that may serve a Request, and the service's payload.
 *
 * When: on the way in. A connection that has an endpoint goes straight on to
 * it; the registry is asked again only when that endpoint cannot be reached. A
 * Close asks where the endpoint is if this process does not know.
 * Where: before `roundRobin`, which takes its candidates, and before whatever
 * needs the payload or the next hop's URL.
 * Leaves: nothing.
 *
 * A service or endpoint that is not there yet is waited for (`look-up.ts`); then
 * the answer is NOT_FOUND and says what is there.
 */
import { status } from '@grpc/grpc-js';
import type { Call } from '../chain/call.js';
import type { Request, RequestNext, Step } from '../chain/element.js';
import { UnreachableError } from '../errors/unreachable-error.js';
import { invalid, WireError } from '../errors/wire-error.js';
import type { Connection } from '../gen/connection.js';
import { NetworkService, NetworkServiceEndpoint } from '../gen/registry.js';
import { findAll, lookUp, type Known } from '../registry/look-up.js';
import { candidates, type Candidate } from '../registry/match.js';
import type { Registries, Registry } from '../registry/registry.js';
import { candidatesKey, chosenKey } from './candidates.js';
import { noEndpoint, noService, noSuchEndpoint } from './discover-errors.js';
import { nextHop } from './next-hop.js';
import { agreedPayload } from './payload.js';

/** The element. */
export function discover(registries: Registries): Step {
  return {
    kind: 'step',
    name: 'discover',

    async request(call, request, next) {
      const { networkServiceEndpointName: name } = request.connection;
      const chosen = call.state.get(chosenKey);
      if (name !== '' && chosen?.name === name) {
        return await refresh(call, request, next, registries, chosen.url);
      }
      return await next(call, await found(call, request, registries));
    },

    async close(call, connection) {
      if (call.state.get(nextHop) !== undefined) return;
      const url = await urlOf(call, connection.networkServiceEndpointName, registries);
      if (url !== undefined) call.state.set(nextHop, url);
    },
  };
}

/** Where the endpoint was last time, else where it is now: it may have come back elsewhere. */
async function refresh(
  call: Call,
  request: Request,
  next: RequestNext,
  registries: Registries,
  url: string,
): Promise<Connection> {
  call.state.set(nextHop, url);
  try {
    return await next(call, request);
  } catch (reason) {
    if (!(reason instanceof UnreachableError)) throw reason;
    const now = await urlOf(call, request.connection.networkServiceEndpointName, registries);
    if (now === url) throw reason;
    // Elsewhere, or not registered: then it may come back while it is waited for.
    return await next(call, await found(call, request, registries));
  }
}

async function urlOf(call: Call, name: string, registries: Registries) {
  if (name === '') return undefined;
  const query = NetworkServiceEndpoint.fromPartial({ name });
  const [endpoint] = await findAll(call, registries.endpoints, query);
  return endpoint?.url;
}

/** The Request with its candidates put into the call's state. */
async function found(call: Call, request: Request, registries: Registries): Promise<Request> {
  const { connection } = request;
  const { networkService, networkServiceEndpointName: name } = connection;
  if (networkService === '' && name === '') {
    throw invalid('connection.network_service', '', 'the name of a network service');
  }
  const ask = {
    services: NetworkService.fromPartial({ name: networkService }),
    endpoints: NetworkServiceEndpoint.fromPartial(
      name === '' ? { networkServiceNames: [networkService] } : { name },
    ),
  };
  // Of a chosen endpoint the service only tells the payload, which the connection has.
  const from = name === '' ? registries : { ...registries, services: ifAny(registries.services) };
  const choose = name === '' ? byService(call, connection) : byName(connection);
  const { choice, services, endpoints } = await lookUp(call, from, ask, choose);
  if (choice !== undefined) {
    call.state.set(candidatesKey, choice.candidates);
    return { ...request, connection: { ...connection, payload: choice.payload } };
  }
  if (name !== '') throw noSuchEndpoint(name);
  const [service] = services;
  if (service === undefined) throw await noService(call, registries, networkService);
  throw noEndpoint(service, endpoints, connection.labels);
}

/** The same, finding nothing where it cannot be asked: another site may be away. */
function ifAny<T>(registry: Registry<T>): Registry<T> {
  return {
    register: (call, entry) => registry.register(call, entry),
    unregister: (call, entry) => registry.unregister(call, entry),
    async *find(call, query, watch) {
      try {
        yield* registry.find(call, query, watch);
      } catch (reason) {
        if (!(reason instanceof WireError) || reason.code !== status.UNAVAILABLE) throw reason;
      }
    },
  };
}

interface Choice {
  readonly candidates: readonly Candidate[];
  readonly payload: string;
}

function byService(call: Call, connection: Connection): (known: Known) => Choice | undefined {
  return ({ services, endpoints }) => {
    const service = services.find(({ name }) => name === connection.networkService);
    if (service === undefined) return undefined;
    const payload = agreedPayload(service, connection.payload);
    const may = candidates(service, endpoints, connection.labels, call.clock.now());
    return may.length === 0 ? undefined : { candidates: may, payload };
  };
}

function byName(connection: Connection): (known: Known) => Choice | undefined {
  return ({ services, endpoints }) => {
    const [endpoint] = endpoints;
    if (endpoint === undefined) return undefined;
    // The endpoint is what counts: it may serve what is not, or no longer, registered.
    const service = services.find(({ name }) => name === connection.networkService);
    const payload =
      service === undefined ? connection.payload : agreedPayload(service, connection.payload);
    return { candidates: [{ endpoint, weight: 1 }], payload };
  };
}
