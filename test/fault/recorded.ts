// SPDX-License-Identifier: Apache-2.0
/** Valid calls to every RPC of a process, as bytes, for the mutation test to start from. */
import type { Connection } from '../../api/gen/connection.js';
import { MonitorConnectionService, MonitorScopeSelector } from '../../api/gen/connection.js';
import { NetworkServiceRequest, NetworkServiceService } from '../../api/gen/networkservice.js';
import {
  NetworkService,
  NetworkServiceEndpoint,
  NetworkServiceEndpointQuery,
  NetworkServiceEndpointRegistryService as Endpoints,
  NetworkServiceQuery,
  NetworkServiceRegistryService as Services,
} from '../../api/gen/registry.js';
import type { Method } from '../../api/grpc/channel.js';

/** One call as bytes, and what says whether a mutated copy still decodes. */
export interface Recorded {
  readonly method: Method<Uint8Array, Buffer>;
  readonly stream: boolean;
  readonly bytes: Uint8Array;
  readonly decode: (bytes: Uint8Array) => unknown;
}

interface Definition<T> {
  readonly path: string;
  readonly requestSerialize: (value: T) => Buffer;
  readonly requestDeserialize: (bytes: Buffer) => T;
  readonly responseStream: boolean;
}

function record<T>(definition: Definition<T>, value: T): Recorded {
  return {
    method: {
      path: definition.path,
      requestSerialize: (bytes) => Buffer.from(bytes),
      responseDeserialize: (bytes) => bytes,
    },
    stream: definition.responseStream,
    bytes: definition.requestSerialize(value),
    decode: (bytes) => definition.requestDeserialize(Buffer.from(bytes)),
  };
}

/** Calls to NetworkService and MonitorConnection, from a Request and its answer. */
export function connectionCalls(first: NetworkServiceRequest, answer: Connection): Recorded[] {
  const segments = answer.path?.pathSegments.slice(0, 2) ?? [];
  return [
    record(NetworkServiceService.request, first),
    record(NetworkServiceService.request, NetworkServiceRequest.create({ connection: answer })),
    record(NetworkServiceService.close, answer),
    record(
      MonitorConnectionService.monitorConnections,
      MonitorScopeSelector.create({ pathSegments: segments, networkServices: ['hello'] }),
    ),
  ];
}

/** Calls to both registries. */
export function registryCalls(): Recorded[] {
  const networkService = NetworkService.create({
    name: 'mutant',
    payload: 'IP',
    matches: [
      {
        sourceSelector: { app: '{{.app}}' },
        routes: [{ destinationSelector: { app: 'blue' }, weight: 3 }],
        fallthrough: true,
        metadata: { labels: { via: 'wan' } },
      },
    ],
  });
  const networkServiceEndpoint = NetworkServiceEndpoint.create({
    name: 'mutant-1',
    networkServiceNames: ['mutant'],
    networkServiceLabels: { mutant: { labels: { app: 'blue' } } },
    url: 'unix:///nowhere/mutant.sock',
    expirationTime: { seconds: BigInt(Math.floor(Date.now() / 1000) + 60), nanos: 5 },
  });
  return [
    record(Services.register, networkService),
    record(Services.find, NetworkServiceQuery.create({ networkService })),
    record(Services.unregister, networkService),
    record(Endpoints.register, networkServiceEndpoint),
    record(Endpoints.find, NetworkServiceEndpointQuery.create({ networkServiceEndpoint })),
    record(Endpoints.unregister, networkServiceEndpoint),
  ];
}
