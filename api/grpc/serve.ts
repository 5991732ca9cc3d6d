// SPDX-License-Identifier: Apache-2.0
/**
 * A gRPC server: NetworkService, MonitorConnection, both registries and health.
 *
 * Started last, when the chain can answer, and closed first: new calls are then
 * refused, streams are told, and running calls get `graceMs` to finish. Leaves
 * no socket file behind unless it is killed; the next start removes that.
 */
import { Server, type ServerOptions } from '@grpc/grpc-js';
import type { Clock } from '../chain/clock.js';
import type { Chain } from '../chain/element.js';
import type { Registries } from '../registry/registry.js';
import { parseAddress, type Address } from './address.js';
import { credentials, type Credentials, type PlaintextOptions } from './credentials.js';
import type { Door } from './handlers.js';
import { serveHealth } from './health.js';
import { limits } from './limits.js';
import { bind } from './listen.js';
import { serveChain, serveEvents, serveRegistries, type EventSource } from './services.js';

/** What is served, and where. */
export interface ServeOptions extends PlaintextOptions {
  /** `unix:///path` or `tcp://host:port`; port 0 takes a free one. */
  readonly listenOn: readonly string[];
  readonly clock: Clock;
  readonly chain?: Chain;
  readonly events?: EventSource;
  readonly registries?: Registries;
  /** Who may connect to a unix socket; the owner alone where it is not given. */
  readonly socketMode?: number;
}

/** A server that answers. */
export interface Serving {
  /** As asked for, with the ports that were taken. */
  readonly urls: readonly string[];
  /** Stop; calls still running after `graceMs` are cut off. */
  readonly close: (graceMs: number) => Promise<void>;
}

const serverOptions: ServerOptions = {
  'grpc.max_receive_message_length': limits.message,
  // A peer whose machine is gone gives no other sign.
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.enable_channelz': 0,
};

/** Serve on all URLs, or on none: rejects when one cannot be bound. */
export async function serve(options: ServeOptions): Promise<Serving> {
  const started: Listening[] = [];
  const close = async (graceMs: number): Promise<void> => {
    await Promise.all(started.map((listening) => listening.close(graceMs)));
  };
  try {
    // All mistakes in URLs are found before anything is bound.
    const addresses = options.listenOn.map((url) => parseAddress(url, 'listen URL'));
    const security = credentials(options);
    for (const address of addresses) security.toListen(address);
    for (const address of addresses) started.push(await listen(address, options, security));
  } catch (reason) {
    await close(0);
    throw reason;
  }
  return { urls: started.map((listening) => listening.url), close };
}

interface Listening {
  readonly url: string;
  close(graceMs: number): Promise<void>;
}

async function listen(
  address: Address,
  options: ServeOptions,
  security: Credentials,
): Promise<Listening> {
  const { log, clock } = options;
  const server = new Server(serverOptions);
  const streams = new Set<() => void>();
  const door: Door = { url: address.url, log, clock, streams };
  const names = addServices(server, door, options);
  serveHealth(server, door, names);
  const url = await bind(server, address, security.toListen(address), options.socketMode ?? 0o600);
  return { url, close: (graceMs) => shutDown(server, streams, graceMs) };
}

function addServices(server: Server, door: Door, options: ServeOptions): readonly string[] {
  const names: string[] = [];
  if (options.chain !== undefined) {
    serveChain(server, door, options.chain);
    names.push('networkservice.NetworkService');
  }
  if (options.events !== undefined) {
    serveEvents(server, door, options.events);
    names.push('connection.MonitorConnection');
  }
  if (options.registries !== undefined) {
    serveRegistries(server, door, options.registries);
    names.push('registry.NetworkServiceRegistry', 'registry.NetworkServiceEndpointRegistry');
  }
  return names;
}

function shutDown(server: Server, streams: Set<() => void>, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => {
      server.forceShutdown();
    }, graceMs);
    server.tryShutdown(() => {
      clearTimeout(cut);
      resolve();
    });
    for (const close of [...streams]) close();
  });
}
