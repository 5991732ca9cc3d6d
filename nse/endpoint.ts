// SPDX-License-Identifier: Apache-2.0
/**
 * An endpoint from its description: listens on a private unix socket, registers
 * itself and its services, and answers Requests with its chain. Disposing it
 * unregisters it and removes the socket; after a crash the registry's entry
 * expires and the next endpoint removes the socket.
 */
import { systemClock, type Clock } from '../api/chain/clock.js';
import type { Element } from '../api/chain/element.js';
import type { ConnectionEvents } from '../api/elements/connection-events.js';
import { environment } from '../api/env/read-environment.js';
import { invalid } from '../api/errors/wire-error.js';
import { openSecurity, type Security } from '../api/identity/security.js';
import { pointToPoint } from '../api/ipam/point-to-point.js';
import { silentLogger, type Logger } from '../api/log/log.js';
import { answer } from './answer.js';
import { lifetime } from './lifetime.js';
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
  /** The socket of the SPIFFE agent that gives its identity: SPIFFE_ENDPOINT_SOCKET of the environment where not given. */
  readonly agent?: string | undefined;
  /** For development: no identity, and plaintext, on unix sockets and loopback only. */
  readonly insecure?: boolean;
  /** For how long a wire of another site stands whose client cannot be heard, in milliseconds: its tokens may be over by so much. Not at all where not given. */
  readonly heldMs?: number;
  /** How long its tokens live, in milliseconds: ten minutes where not given. */
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

/** Start an endpoint; resolves when it is registered. Where it cannot be started it rejects and leaves nothing. */
export async function endpoint(options: EndpointOptions): Promise<Endpoint> {
  const { name, services, clock = systemClock, log = silentLogger(), signal } = options;
  if (name === '') throw invalid('name', name, 'a name that is unique in the mesh');
  if (services.length === 0) throw invalid('services', services, 'at least one network service');
  const ipam = options.ipam ?? pointToPoint(options.prefixes ?? []);
  const { value, close } = await lifetime(signal, async (undo, mayGoOn) => {
    const security = await securityOf(options, clock, log);
    undo.push(() => {
      security[Symbol.dispose]();
    });
    signal?.throwIfAborted();
    const parts = { ...options, security, ipam, clock, log };
    const { registries, urls, events } = await answer(parts, undo);
    mayGoOn();
    const registration = register(registries, { ...options, url: urls[0] ?? '' }, { clock, log });
    undo.push(() => registration.close({ unregister: options.unregister ?? true }));
    await registration.ready;
    return { urls, events };
  });
  return { name, ...value, close, [Symbol.asyncDispose]: close };
}

const tenMinutesMs = 600_000;

function securityOf(options: EndpointOptions, clock: Clock, log: Logger): Promise<Security> {
  const { name, signal, insecure = false, tokenLifetimeMs = tenMinutesMs } = options;
  const config = {
    WANWIRE_INSECURE: insecure,
    SPIFFE_ENDPOINT_SOCKET: options.agent ?? environment()['SPIFFE_ENDPOINT_SOCKET'],
    NSM_MAX_TOKEN_LIFETIME: tokenLifetimeMs,
  };
  return openSecurity(config, { name, clock, log, signal });
}
