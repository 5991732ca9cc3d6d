// SPDX-License-Identifier: Apache-2.0
/** The four gRPC services, each joined to what answers it. Every message passes `validate` first. */
import type { Server } from '@grpc/grpc-js';
import type { Chain } from '../chain/element.js';
import type { MonitorScopeSelector } from '../gen/connection.js';
import {
  MonitorConnectionService,
  type Connection,
  type ConnectionEvent,
} from '../gen/connection.js';
import type { Empty } from '../gen/google/protobuf/empty.js';
import { NetworkServiceService, type NetworkServiceRequest } from '../gen/networkservice.js';
import {
  NetworkService,
  NetworkServiceEndpoint,
  NetworkServiceEndpointRegistryService,
  NetworkServiceRegistryService,
  type NetworkServiceEndpointQuery,
  type NetworkServiceEndpointResponse,
  type NetworkServiceQuery,
  type NetworkServiceResponse,
} from '../gen/registry.js';
import { formatPath, pathKey } from '../registry/path.js';
import type { Registries, RegistryCall } from '../registry/registry.js';
import { serverStream, unary, type Door } from './handlers.js';
import { chainCall, registryCall, type Incoming } from './incoming.js';
import { checkClose, checkRequest, checkSelector } from './validate.js';
import { checkEndpoint, checkService } from './validate-registry.js';

/** Where MonitorConnections comes from; `ConnectionEvents` of api/elements is one. */
export interface EventSource {
  /** The events the selector asks for, the present state first, until `signal`. */
  subscribe(selector: MonitorScopeSelector, signal: AbortSignal): AsyncIterable<ConnectionEvent>;
}

/** Serve Request and Close. */
export function serveChain(server: Server, door: Door, chain: Chain): void {
  server.addService(NetworkServiceService, {
    request: unary<NetworkServiceRequest, Connection>(door, 'Request', (incoming, message) => {
      const connection = checkRequest(message);
      const { mechanismPreferences } = message;
      const call = chainCall(incoming, door.log, door.clock);
      return chain.request(call, { connection, mechanismPreferences });
    }),
    close: unary<Connection, Empty>(door, 'Close', async (incoming, connection) => {
      checkClose(connection);
      await chain.close(chainCall(incoming, door.log, door.clock), connection);
      return {};
    }),
  });
}

/** Serve MonitorConnections. */
export function serveEvents(server: Server, door: Door, events: EventSource): void {
  server.addService(MonitorConnectionService, {
    monitorConnections: serverStream<MonitorScopeSelector, ConnectionEvent>(
      door,
      'MonitorConnections',
      (incoming, selector) => {
        checkSelector(selector);
        return events.subscribe(selector, incoming.signal);
      },
    ),
  });
}

/** Serve both registries. */
export function serveRegistries(server: Server, door: Door, registries: Registries): void {
  const { services, endpoints } = registries;
  server.addService(NetworkServiceRegistryService, {
    register: unary<NetworkService, NetworkService>(door, 'Register service', (incoming, entry) => {
      checkService(entry);
      return withPath(door, incoming, (call) => services.register(call, entry));
    }),
    unregister: unary<NetworkService, Empty>(
      door,
      'Unregister service',
      async (incoming, entry) => {
        checkService(entry);
        await withPath(door, incoming, (call) => services.unregister(call, entry));
        return {};
      },
    ),
    find: serverStream<NetworkServiceQuery, NetworkServiceResponse>(
      door,
      'Find services',
      async function* (incoming, query) {
        const entry = query.networkService ?? NetworkService.create();
        checkService(entry);
        const call = registryCall(incoming, door.log, door.clock);
        for await (const found of services.find(call, entry, query.watch)) {
          yield { networkService: found.entry, deleted: found.deleted };
        }
      },
    ),
  });
  server.addService(NetworkServiceEndpointRegistryService, {
    register: unary<NetworkServiceEndpoint, NetworkServiceEndpoint>(
      door,
      'Register endpoint',
      (incoming, entry) => {
        checkEndpoint(entry);
        return withPath(door, incoming, (call) => endpoints.register(call, entry));
      },
    ),
    unregister: unary<NetworkServiceEndpoint, Empty>(
      door,
      'Unregister endpoint',
      async (incoming, entry) => {
        checkEndpoint(entry);
        await withPath(door, incoming, (call) => endpoints.unregister(call, entry));
        return {};
      },
    ),
    find: serverStream<NetworkServiceEndpointQuery, NetworkServiceEndpointResponse>(
      door,
      'Find endpoints',
      async function* (incoming, query) {
        const entry = query.networkServiceEndpoint ?? NetworkServiceEndpoint.create();
        checkEndpoint(entry);
        const call = registryCall(incoming, door.log, door.clock);
        for await (const found of endpoints.find(call, entry, query.watch)) {
          yield { networkServiceEndpoint: found.entry, deleted: found.deleted };
        }
      },
    ),
  });
}

/** A registration with its path, which goes back with the caller's own index. */
async function withPath<T>(
  door: Door,
  incoming: Incoming,
  act: (call: RegistryCall) => Promise<T>,
): Promise<T> {
  const call = registryCall(incoming, door.log, door.clock);
  const { path } = call;
  const index = path?.index ?? 0;
  const answer = await act(call);
  if (path !== undefined) {
    incoming.sendHeaders?.({ [pathKey]: formatPath({ ...path, index }) });
  }
  return answer;
}
