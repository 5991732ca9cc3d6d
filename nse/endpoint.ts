// SPDX-License-Identifier: Apache-2.0
/**
 * An endpoint from its description: listens on a private unix socket, registers
 * itself and its services, and answers Requests with its chain. Disposing it
 * unregisters it and removes the socket; after a crash the registry's entry
 * expires and the next endpoint removes the socket.
 */
import { systemClock, type Clock } from '../api/chain/clock.js';
import type { Element } from '../api/chain/element.js';
import { ConnectionEvents } from '../api/elements/connection-events.js';
import { ownNamespaceUrl } from '../api/elements/kernel-mechanism.js';
import { developmentTokens } from '../api/elements/tokens.js';
import { invalid } from '../api/errors/wire-error.js';
import { channels } from '../api/grpc/dial.js';
import { serve } from '../api/grpc/serve.js';
import { remoteRegistries } from '../api/registry/remote.js';
import { pointToPoint } from '../api/ipam/point-to-point.js';
import { silentLogger, type Logger } from '../api/log/log.js';
import { endpointChain } from './chain.js';
import { privateSocket } from './private-socket.js';
import { register } from './register.js';

/** What an endpoint is; everything but name, services and addresses has a default. */
export interface EndpointOptions {
  /** Unique in the mesh. */
  readonly name: string;
  /** The network services it provides. */
  readonly services: readonly string[];
  /** Where clients' addresses come from: each group of prefixes gives a client one pair, such as `[['192.0.2.0/24'], ['2001:db8::/112']]`. */
  readonly prefixes?: readonly (readonly string[])[];
  /** An element that gives addresses, instead of `prefixes`. */
  readonly ipam?: Element;
  /** Elements of its own, in order, before the addresses are given. */
  readonly elements?: readonly Element[];
  /** For a service's selectors, under each of its services. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Payload of the services it registers: `IP` where not given. */
  readonly payload?: 'IP' | 'ETHERNET';
  /** Register the services too, not only the endpoint: yes where not given. */
  readonly registerServices?: boolean;
  /** The manager: NSM's usual socket where not given. */
  readonly connectTo?: string;
  /** Where to listen: a unix socket in a fresh private folder where not given. */
  readonly listenOn?: string;
  /** Allow plaintext, on unix sockets and loopback only. */
  readonly insecure?: boolean;
  /** How long its tokens live. */
  readonly tokenLifetimeMs?: number;
  /** Unregister the endpoint at the end: yes where not given; otherwise its entry expires. */
  readonly unregister?: boolean;
  /** Ends it, also while it starts. */
  readonly signal?: AbortSignal;
  readonly log?: Logger;
  readonly clock?: Clock;
}

/** An endpoint that is registered and answers. */
export interface Endpoint extends AsyncDisposable {
  readonly name: string;
  /** Where it listens. */
  readonly urls: readonly string[];
  /** Its connections and their changes. */
  readonly events: ConnectionEvents;
  /** Unregister and stop; once is enough. */
  close(): Promise<void>;
}

const managerUrl = 'unix:///var/lib/networkservicemesh/nsm.io.sock';
const tenMinutesMs = 600_000;
/** Less than what a registry call may take, so that its failure says that nobody listens. */
const dialTimeoutMs = 3_000;
const graceMs = 1_000;

/** Start an endpoint; resolves when it is registered. Where it cannot be started it rejects and leaves nothing. */
export async function endpoint(options: EndpointOptions): Promise<Endpoint> {
  const { name, services, clock = systemClock, log = silentLogger(), signal } = options;
  if (name === '') throw invalid('name', name, 'a name that is unique in the mesh');
  if (services.length === 0) throw invalid('services', services, 'at least one network service');
  const undo: (() => unknown)[] = [];
  let closing: Promise<void> | undefined;
  const unwind = async (): Promise<void> => {
    signal?.removeEventListener('abort', onAbort);
    for (let act = undo.pop(); act !== undefined; act = undo.pop()) await act();
  };
  const close = (): Promise<void> => (closing ??= unwind());
  const onAbort = (): void => void close();
  try {
    const { insecure = false, connectTo = managerUrl, tokenLifetimeMs = tenMinutesMs } = options;
    const tokens = developmentTokens(name, tokenLifetimeMs, clock);
    const peers = channels({ dialTimeoutMs, insecure, log, clock });
    undo.push(() => {
      peers[Symbol.dispose]();
    });
    const registries = remoteRegistries(peers.acquire(connectTo), tokens);
    const events = new ConnectionEvents();
    const chain = endpointChain({
      name,
      tokens,
      events,
      namespaceUrl: ownNamespaceUrl(),
      elements: options.elements ?? [],
      ipam: options.ipam ?? pointToPoint(options.prefixes ?? []),
    });
    const listenOn = [options.listenOn ?? (await ownSocket(undo))];
    const serving = await serve({ listenOn, insecure, log, clock, chain, events });
    const { urls } = serving;
    undo.push(() => serving.close(graceMs));
    signal?.throwIfAborted();
    signal?.addEventListener('abort', onAbort, { once: true });
    const registration = register(registries, { ...options, url: urls[0] ?? '' }, { clock, log });
    undo.push(() => registration.close({ unregister: options.unregister ?? true }));
    await registration.ready;
    return { name, urls, events, close, [Symbol.asyncDispose]: close };
  } catch (reason) {
    await close();
    signal?.throwIfAborted();
    throw reason;
  }
}

async function ownSocket(undo: (() => unknown)[]): Promise<string> {
  const socket = await privateSocket();
  undo.push(() => socket[Symbol.asyncDispose]());
  return socket.url;
}
