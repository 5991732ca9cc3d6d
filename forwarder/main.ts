// SPDX-License-Identifier: Apache-2.0
/**
 * The process `wanwire forwarder`: makes wires between network namespaces.
 *
 * Its wires outlive it, however it ends: the next start adopts them. It needs
 * root (to enter namespaces), and the host's pids (to find them).
 */
import { status } from '@grpc/grpc-js';
import { systemClock } from '../api/chain/clock.js';
import { begin } from '../api/elements/begin.js';
import { ConnectionEvents } from '../api/elements/connection-events.js';
import { WireError } from '../api/errors/wire-error.js';
import { NetworkServiceEndpoint } from '../api/gen/registry.js';
import { isPeerControl } from '../api/grpc/control.js';
import { channels } from '../api/grpc/dial.js';
import { serve } from '../api/grpc/serve.js';
import { openSecurity } from '../api/identity/security.js';
import type { Logger } from '../api/log/log.js';
import { keepRegistered } from '../api/registry/registration.js';
import { cachedRegistries } from '../api/registry/cached.js';
import { remoteRegistries } from '../api/registry/remote.js';
import { Netns } from '../bpf/netns/netns.js';
import { adopt } from './adopt.js';
import { forwarderChain, kernelFacets } from './chain.js';
import { Closer } from './closer.js';
import { stateFolder, type Config } from './config.js';
import { Reaper, Wires } from './mechanisms/kernel/index.js';
import { Deaths } from './namespaces/deaths.js';
import { Namespaces } from './namespaces/namespaces.js';
import { Records } from './records.js';
import { sweep } from './sweep.js';
import { openWan, siteFiles } from './wan.js';
import { serveWires } from './without-site.js';

/** A forwarder that answers and is registered. */
export interface Running {
  readonly urls: readonly string[];
  /** It is to be started anew: there is a Site now, or none any more, or another. */
  readonly outdated?: Promise<string>;
  /** Answer what has been asked, unregister, stop. Wires stay. */
  close(): Promise<void>;
}

/** What running calls get at the end, in milliseconds. */
const graceMs = 1_000;

/** Start it; resolves when it is registered, rejects and leaves nothing where it cannot. `signal` ends it, also before that. */
export async function start(config: Config, log: Logger, signal?: AbortSignal): Promise<Running> {
  await mayEnterNamespaces();
  const undo: (() => unknown)[] = [];
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= unwind(undo, signal, onAbort));
  const onAbort = (): void => void close();
  try {
    const running = await build(config, log, undo, signal, onAbort);
    return { ...running, close };
  } catch (reason) {
    await close();
    signal?.throwIfAborted();
    throw reason;
  }
}

async function build(
  config: Config,
  log: Logger,
  undo: (() => unknown)[],
  signal: AbortSignal | undefined,
  onAbort: () => void,
): Promise<Omit<Running, 'close'>> {
  const { NSM_NAME: name, NSM_LISTEN_ON: listenOn } = config;
  const clock = systemClock;
  const security = await openSecurity(config, { name, log, clock, signal });
  undo.push(() => {
    security[Symbol.dispose]();
  });
  const closer = new Closer({ name, clock, log });
  const deaths = await Deaths.start(log, (key) => {
    closer.closeAll(wires.idsIn(key), 'a network namespace of the wire is gone');
  });
  undo.push(() => {
    deaths[Symbol.dispose]();
  });
  const reaper = new Reaper(log);
  const wires = new Wires({ log, deaths, reaper });
  const namespaces = new Namespaces();
  const records = new Records(stateFolder(config), log);
  undo.push(() => {
    records[Symbol.dispose]();
  });
  const { files, outdated } = await siteFiles(config, log, undo);
  const allowed = isPeerControl(files);
  const dialTimeoutMs = config.NSM_DIAL_TIMEOUT;
  const peers = channels({ security, dialTimeoutMs, allowed, log, clock });
  undo.push(() => {
    peers[Symbol.dispose]();
  });
  const registry = remoteRegistries(peers.acquire(config.NSM_CONNECT_TO));
  const registries = cachedRegistries(registry, { clock, log });
  undo.push(() => {
    registries[Symbol.dispose]();
  });
  const events = new ConnectionEvents();
  const home = namespaces.home();
  const identityOf = (id: string): string | undefined => records.identityOf(id);
  const wan = files && (await openWan({ config, files, home, events, identityOf, log, undo }));
  if (!files && config.WANWIRE_SITE_OPTIONAL) {
    await serveWires({ config, events, identityOf, log, undo });
  }
  // One of the same name in another network namespace is another forwarder.
  const owner = `${name}@${home.id.ino.toString()}`;
  const shared = { name, owner, security, events, registries, channels: peers };
  const parts = { ...shared, namespaces, wires, records, wan };
  const first = begin();
  const chain = forwarderChain({ ...parts, begin: first });
  closer.chain = chain;

  const known = { forwarder: owner, facets: kernelFacets, begin: first, wan };
  const adopted = await adopt({ ...known, records, namespaces, wires, events, log });
  await wan?.steering.prune();
  await wan?.gateway.settle();
  const swept = await sweep({ forwarder: owner, namespaces, wires, reaper, log });
  log.info({ adopted: adopted.size, swept }, 'looked at what was left');
  const { NSM_MAX_TOKEN_LIFETIME: afterMs, WANWIRE_HOLD: holdMs } = config;
  const isHeld = (id: string): boolean =>
    wan?.steering.get(id)?.leader === false && wan.steering.usable(id);
  undo.push(closer.closeUnrefreshed(adopted, wires, { afterMs, isHeld, holdMs }));

  signal?.throwIfAborted();
  signal?.addEventListener('abort', onAbort, { once: true });
  const serving = await serve({ listenOn, security, log, clock, chain, events });
  undo.push(() => serving.close(graceMs));
  const service = config.NSM_NSNAME;
  const endpoint = NetworkServiceEndpoint.fromPartial({
    name,
    url: serving.urls[0] ?? '',
    networkServiceNames: [service],
    networkServiceLabels: { [service]: { labels: { ...config.NSM_LABELS } } },
  });
  const registration = keepRegistered({ registries, endpoint, clock, log });
  undo.push(() => registration.close());
  await registration.ready;
  log.info({ urls: serving.urls }, 'listening');
  return { urls: serving.urls, ...(outdated && { outdated }) };
}

async function unwind(
  undo: (() => unknown)[],
  signal: AbortSignal | undefined,
  onAbort: () => void,
): Promise<void> {
  signal?.removeEventListener('abort', onAbort);
  for (let act = undo.pop(); act !== undefined; act = undo.pop()) await act();
}

/** Better now than with the first Request. */
async function mayEnterNamespaces(): Promise<void> {
  try {
    using _own = await Netns.open('/proc/self/ns/net');
  } catch (reason) {
    throw new WireError(
      status.PERMISSION_DENIED,
      'the forwarder cannot enter network namespaces: it needs root (CAP_SYS_ADMIN and CAP_NET_ADMIN)',
      { cause: reason },
    );
  }
}
