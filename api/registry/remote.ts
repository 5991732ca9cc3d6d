// SPDX-License-Identifier: Apache-2.0
/** A registry at the other end of a gRPC channel. Every call carries a token, as an nsmgr expects. */
import type { Tokens } from '../elements/tokens.js';
import type { CallOptions, Channel, Method } from '../grpc/channel.js';
import {
  NetworkServiceEndpointRegistryService as EndpointService,
  NetworkServiceRegistryService as ServiceService,
} from '../gen/registry.js';
import type { Found, Registries, Registry, RegistryCall } from './registry.js';

/** What a unary registry call gets that came without a deadline. */
const defaultTimeoutMs = 15_000;

/** Both registries behind `channel`. */
export function remoteRegistries(channel: Channel, tokens: Tokens): Registries {
  return {
    services: remote(channel, tokens, ServiceService, async function* (call, query, watch) {
      const options = optionsOf(call, tokens, false);
      const question = { networkService: query, watch };
      for await (const answer of channel.stream(ServiceService.find, question, options)) {
        const { networkService: entry, deleted } = answer;
        if (entry !== undefined) yield { entry, deleted };
      }
    }),
    endpoints: remote(channel, tokens, EndpointService, async function* (call, query, watch) {
      const options = optionsOf(call, tokens, false);
      const question = { networkServiceEndpoint: query, watch };
      for await (const answer of channel.stream(EndpointService.find, question, options)) {
        const { networkServiceEndpoint: entry, deleted } = answer;
        if (entry !== undefined) yield { entry, deleted };
      }
    }),
  };
}

interface Methods<T> {
  readonly register: Method<T, T>;
  readonly unregister: Method<T, unknown>;
}

function remote<T>(
  channel: Channel,
  tokens: Tokens,
  methods: Methods<T>,
  find: (call: RegistryCall, query: T, watch: boolean) => AsyncIterable<Found<T>>,
): Registry<T> {
  return {
    register: (call, entry) =>
      channel.unary(methods.register, entry, optionsOf(call, tokens, true)),
    async unregister(call, entry) {
      await channel.unary(methods.unregister, entry, optionsOf(call, tokens, true));
    },
    find,
  };
}

function optionsOf(call: RegistryCall, tokens: Tokens, unary: boolean): CallOptions {
  const { token, expiresMs } = tokens.issue();
  const deadlineMs = call.deadlineMs ?? (unary ? call.clock.now() + defaultTimeoutMs : undefined);
  return {
    signal: call.signal,
    metadata: {
      'nsm-client-token': token,
      'nsm-client-token-expires': new Date(expiresMs).toISOString(),
    },
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
  };
}
