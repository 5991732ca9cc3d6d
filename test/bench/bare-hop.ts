// SPDX-License-Identifier: Apache-2.0
/**
 * One process of the bare chain: grpc-js alone, the same messages, the same
 * netlink work in the middle, and nothing else. Arguments: ROLE SOCKET [NEXT],
 * where ROLE is `pass`, `wire` (does the netlink work) or `end` (answers).
 */
import { Client, credentials, Server, ServerCredentials } from '@grpc/grpc-js';
import type { sendUnaryData, ServerUnaryCall } from '@grpc/grpc-js';
import { kernel, ownNamespaceUrl } from '../../api/elements/kernel-mechanism.js';
import { Connection } from '../../api/gen/connection.js';
import type { Empty } from '../../api/gen/google/protobuf/empty.js';
import { NetworkServiceService, type NetworkServiceRequest } from '../../api/gen/networkservice.js';
import { silentLogger } from '../../api/log/log.js';
import { kernelFacets } from '../../forwarder/chain.js';
import { Reaper } from '../../forwarder/mechanisms/kernel/reaper.js';
import { Wires } from '../../forwarder/mechanisms/kernel/wires.js';
import { wishOf } from '../../forwarder/mechanisms/kernel/wish.js';
import { Namespaces } from '../../forwarder/namespaces/namespaces.js';

/** What a role does with a Request and a Close. */
interface Hop {
  request(request: NetworkServiceRequest): Promise<Connection>;
  close(connection: Connection): Promise<void>;
}

function pass(next: string): Hop {
  const client = new Client(`unix:${next}`, credentials.createInsecure());
  const call = <Req, Res>(
    method: {
      path: string;
      requestSerialize: (value: Req) => Buffer;
      responseDeserialize: (bytes: Buffer) => Res;
    },
    request: Req,
  ): Promise<Res> =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        (error, answer) => {
          if (answer === undefined) reject(error ?? new Error('no answer'));
          else resolve(answer);
        },
      );
    });
  return {
    request: (request) => call(NetworkServiceService.request, request),
    close: async (connection) => {
      await call<Connection, Empty>(NetworkServiceService.close, connection);
    },
  };
}

function wire(next: string): Hop {
  const rest = pass(next);
  const log = silentLogger();
  const namespaces = new Namespaces();
  const watch = (): Promise<void> => Promise.resolve();
  const wires = new Wires({ log, deaths: { watch }, reaper: new Reaper(log) });
  return {
    async request(request) {
      const answer = await rest.request(request);
      const asked =
        request.connection?.mechanism ?? request.mechanismPreferences[0] ?? answer.mechanism;
      const client = await namespaces.find(asked?.parameters['inodeURL'] ?? '', 'client');
      const endpoint = await namespaces.find(answer.mechanism?.parameters['inodeURL'] ?? '', 'end');
      const name = asked?.parameters['name'] ?? '';
      const wish = wishOf(answer, {
        forwarder: 'bare',
        client: { place: client, name, field: 'client' },
        endpoint: { place: endpoint, name: `e${name}`, field: 'end' },
        facets: kernelFacets,
      });
      await wires.realise(wish);
      return { ...answer, mechanism: asked };
    },
    async close(connection) {
      await rest.close(connection);
      await wires.remove(connection.id);
    },
  };
}

function end(): Hop {
  const inodeURL = ownNamespaceUrl();
  const answers = new Map<string, Connection>();
  const spare: number[] = [];
  return {
    request({ connection = Connection.create() }) {
      const known = answers.get(connection.id);
      if (known !== undefined) return Promise.resolve(known);
      const pair = spare.pop() ?? answers.size;
      const [low, high] = [pair * 2, pair * 2 + 1];
      const v4 = (n: number): string => `172.16.${String(n >> 8)}.${String(n & 255)}/32`;
      const v6 = (n: number): string => `2001:db8::${n.toString(16)}/128`;
      const answer: Connection = {
        ...connection,
        payload: 'IP',
        mechanism: { cls: 'LOCAL', type: kernel.type, parameters: { inodeURL } },
        context: {
          MTU: 0,
          ethernetContext: undefined,
          dnsContext: undefined,
          extraContext: {},
          ipContext: {
            srcIpAddrs: [v4(high), v6(high)],
            dstIpAddrs: [v4(low), v6(low)],
            srcRoutes: [v4(low), v6(low)].map((prefix) => ({ prefix, nextHop: '' })),
            dstRoutes: [v4(high), v6(high)].map((prefix) => ({ prefix, nextHop: '' })),
            srcIpRequired: false,
            dstIpRequired: false,
            excludedPrefixes: [],
            ipNeighbors: [],
            extraPrefixRequest: [],
            extraPrefixes: [],
            policies: [],
          },
        },
      };
      answers.set(connection.id, answer);
      return Promise.resolve(answer);
    },
    close(connection) {
      answers.delete(connection.id);
      return Promise.resolve();
    },
  };
}

function serve(hop: Hop, socket: string): void {
  const server = new Server();
  const answer = <T>(done: sendUnaryData<T>, work: Promise<T>): void => {
    work.then(
      (value) => {
        done(null, value);
      },
      (reason: unknown) => {
        done(reason instanceof Error ? reason : new Error(String(reason)));
      },
    );
  };
  server.addService(NetworkServiceService, {
    request: (
      call: ServerUnaryCall<NetworkServiceRequest, Connection>,
      done: sendUnaryData<Connection>,
    ) => {
      answer(done, hop.request(call.request));
    },
    close: (call: ServerUnaryCall<Connection, Empty>, done: sendUnaryData<Empty>) => {
      answer(
        done,
        hop.close(call.request).then(() => ({})),
      );
    },
  });
  server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), (error) => {
    if (error !== null) throw error;
    process.stdout.write('ready\n');
  });
}

const [role, socket = '', next = ''] = process.argv.slice(2);
serve(role === 'pass' ? pass(next) : role === 'wire' ? wire(next) : end(), socket);
