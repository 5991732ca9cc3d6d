// SPDX-License-Identifier: Apache-2.0
/** A registry at the other end of a gRPC channel; with each registration goes its path (`path.ts`). */
import type { CallOptions, Channel, Method } from '../grpc/channel.js';
import {
  NetworkServiceEndpointRegistryService as EndpointService,
  NetworkServiceRegistryService as ServiceService,
} from '../gen/registry.js';
import { passingSockets } from './passing-sockets.js';
import type { Found, Registries, Registry, RegistryCall } from './registry.js';
import { Trails } from './trails.js';

/** What a unary registry call gets that came without a deadline. */
const defaultTimeoutMs = 15_000;

/** Both registries behind `channel`. */
export function remoteRegistries(channel: Channel): Registries {
  return {
    services: remote(channel, ServiceService, async function* (call, query, watch) {
      const options = optionsOf(call, false);
      const question = { networkService: query, watch };
      for await (const answer of channel.stream(ServiceService.find, question, options)) {
        const { networkService: entry, deleted } = answer;
        if (entry !== undefined) yield { entry, deleted };
      }
    }),
    endpoints: passingSockets(
      channel,
      remote(channel, EndpointService, async function* (call, query, watch) {
        const options = optionsOf(call, false);
        const question = { networkServiceEndpoint: query, watch };
        for await (const answer of channel.stream(EndpointService.find, question, options)) {
          const { networkServiceEndpoint: entry, deleted } = answer;
          if (entry !== undefined) yield { entry, deleted };
        }
      }),
    ),
  };
}

interface Named {
  readonly name: string;
  readonly pathIds: readonly string[];
}

interface Methods<T> {
  readonly register: Method<T, T>;
  readonly unregister: Method<T, unknown>;
}

function remote<T extends Named>(
  channel: Channel,
  methods: Methods<T>,
  find: (call: RegistryCall, query: T, watch: boolean) => AsyncIterable<Found<T>>,
): Registry<T> {
  const trails = new Trails();
  return {
    async register(call, entry) {
      const trail = trails.begin(call, entry.name);
      const options = { ...optionsOf(call, true), ...trail.options };
      const answer = await channel.unary(methods.register, entry, options);
      try {
        await trail.keep(answer.pathIds);
      } catch (reason) {
        // A refresh that is refused keeps what stands.
        if (trail.isNew) await take(channel, methods, call, answer);
        throw reason;
      }
      return answer;
    },
    async unregister(call, entry) {
      const trail = trails.begin(call, entry.name);
      const options = { ...optionsOf(call, true), ...trail.options };
      await channel.unary(methods.unregister, entry, options);
      await trail.forget();
    },
    find,
  };
}

/** Unregister what was answered by somebody who is not to be trusted, if he lets us. */
async function take<T>(
  channel: Channel,
  methods: Methods<T>,
  call: RegistryCall,
  entry: T,
): Promise<void> {
  try {
    await channel.unary(methods.unregister, entry, optionsOf(call, true));
  } catch (reason) {
    call.log.debug({ err: reason }, 'a refused registration is left to its expiry');
  }
}

function optionsOf(call: RegistryCall, unary: boolean): CallOptions {
  const { descriptors, onPeer } = call;
  const deadlineMs = call.deadlineMs ?? (unary ? call.clock.now() + defaultTimeoutMs : undefined);
  return {
    signal: call.signal,
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
    ...(descriptors === undefined ? {} : { descriptors }),
    ...(onPeer === undefined ? {} : { onPeer }),
  };
}
