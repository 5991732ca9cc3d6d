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
import { credentials, type Credentials, type SecurityOptions } from './credentials.js';
import type { Door } from './handlers.js';
import { serveHealth } from './health.js';
import { limits } from './limits.js';
import { bind, listenPlain } from './listen.js';
import { TlsServer } from './tls/tls-server.js';
import { serveChain, serveEvents, serveRegistries, type EventSource } from './services.js';

/** What is served, and where. */
export interface ServeOptions extends SecurityOptions {
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
  // A peer whose machine is gone gives no other sign; of one on this machine the kernel tells (`localOptions` of line.ts).
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.enable_channelz': 0,
};

/**
 * A client with a new certificate signs its tokens with the new key, and some (those of upstream
 * among them) keep the connection that has shown the old one: they are asked to come again. Streams go on for a day.
 */
const tlsServerOptions: ServerOptions = {
  ...serverOptions,
  'grpc.max_connection_age_ms': 300_000,
  'grpc.max_connection_age_grace_ms': 86_400_000,
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
    const ends = credentials(options);
    for (const address of addresses) ends.toListen(address);
    for (const address of addresses) started.push(await listen(address, options, ends));
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
  ends: Credentials,
): Promise<Listening> {
  const { log, clock } = options;
  const around = ends.toListen(address);
  const server = new Server({
    ...(around === undefined ? serverOptions : tlsServerOptions),
    ...(address.kind === 'unix' ? { 'grpc.keepalive_time_ms': -1 } : {}),
  });
  const streams = new Set<() => void>();
  const tls = around === undefined ? undefined : new TlsServer(server, address, around);
  const door: Door = { url: address.url, log, clock, streams, peerOf: tls?.peerOf };
  const names = addServices(server, door, options);
  serveHealth(server, door, names);
  const url = await bind(
    address,
    options.socketMode ?? 0o600,
    () => tls?.listen() ?? listenPlain(server, address),
  );
  return { url, close: (graceMs) => shutDown(server, tls, streams, graceMs) };
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

async function shutDown(
  server: Server,
  tls: TlsServer | undefined,
  streams: Set<() => void>,
  graceMs: number,
): Promise<void> {
  tls?.stop();
  const over = new Promise<void>((resolve) => {
    server.tryShutdown(() => {
      resolve();
    });
  });
  for (const close of [...streams]) close();
  const timers: NodeJS.Timeout[] = [];
  const later = (ms: number, act: () => void): void => {
    timers.push(setTimeout(act, ms));
  };
  const cut = new Promise<void>((resolve) => {
    later(graceMs, () => {
      server.forceShutdown();
      tls?.cut();
      // A connection that broke while it was being made may never tell that it has ended.
      later(cutMs, resolve);
    });
  });
  await Promise.race([Promise.all([over, tls?.emptied()]), cut]);
  for (const timer of timers) clearTimeout(timer);
}

/** What connections get for ending once they were cut, in milliseconds. */
const cutMs = 1_000;
