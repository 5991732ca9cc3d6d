// SPDX-License-Identifier: Apache-2.0
/**
 * The process `wanwire manager`: nsmgr and registry in one, for a machine
 * without NSM. It keeps nothing on disk but its authority: after a restart, endpoints and
 * forwarders register again by themselves, and the next refresh of a wire
 * finds its way by its path.
 */
import { systemClock, type Clock } from '../api/chain/clock.js';
import { ConnectionEvents } from '../api/elements/connection-events.js';
import { isOwnControl, isPeerControl } from '../api/grpc/control.js';
import { channels } from '../api/grpc/dial.js';
import { serve, type Serving } from '../api/grpc/serve.js';
import { openCluster, type Cluster } from '../api/k8s/cluster.js';
import type { Logger } from '../api/log/log.js';
import type { NodePods } from './agent/pods.js';
import { managerChain } from './chain.js';
import type { Config } from './config.js';
import { prefixFile } from './excluded-prefixes-file.js';
import { openIdentity } from './identity.js';
import { registries, type Stores } from './registry/chain.js';
import { ControlListeners } from './sites/control.js';
import { Sites, type SiteSource } from './sites/sites.js';

/** A manager that answers. */
export interface Running {
  /** Where it listens, its control addresses last. */
  readonly urls: readonly string[];
  /** It is to be started anew: there is a Site now, or none any more, or another. */
  readonly outdated?: Promise<string>;
  /** Answer what has been asked, then stop. */
  close(): Promise<void>;
}

/** What running calls get at the end, in milliseconds. */
const graceMs = 1_000;
/** How long the registry's first list from Kubernetes is waited for. */
const firstListMs = 10_000;
/** How long another site may take to accept a connection, at least: satellites are slow. */
const peerDialMs = 3_000;

/**
 * Start it; resolves when it listens, rejects and leaves nothing where it cannot.
 * `given` stands in for the site's files (`WANWIRE_SITE_FILE`). `signal` ends the waiting for an identity.
 */
export async function start(
  config: Config,
  log: Logger,
  given?: SiteSource,
  signal?: AbortSignal,
): Promise<Running> {
  const undo: (() => unknown)[] = [];
  const close = async (): Promise<void> => {
    for (let act = undo.pop(); act !== undefined; act = undo.pop()) await act();
  };
  try {
    const { site, outdated } = given ? { site: given } : await siteOf(config, log, undo);
    const urls = await build(config, log, site, undo, signal);
    return {
      ...(outdated && { outdated }),
      get urls() {
        return urls();
      },
      close,
    };
  } catch (reason) {
    await close();
    throw reason;
  }
}

/** The site's files, followed, and where they may be missing, when that is otherwise; nothing where none is given. */
async function siteOf(
  { WANWIRE_SITE_FILE: paths, WANWIRE_SITE_OPTIONAL: optional }: Config,
  log: Logger,
  undo: (() => unknown)[],
): Promise<{ readonly site?: SiteSource | undefined; readonly outdated?: Promise<string> }> {
  if (paths.length === 0) return {};
  // Without a site nobody needs a YAML parser and a schema in memory.
  if (optional) {
    const { perhapsSite } = await import('../api/site/perhaps.js');
    const perhaps = await perhapsSite(paths, { log });
    undo.push(() => {
      perhaps[Symbol.dispose]();
    });
    return { site: perhaps.files, outdated: perhaps.outdated };
  }
  const { watchSiteFiles } = await import('../api/site/watch.js');
  const watch = await watchSiteFiles(paths, { log, clock: systemClock });
  undo.push(() => {
    watch[Symbol.dispose]();
  });
  return { site: watch };
}

async function build(
  config: Config,
  log: Logger,
  site: SiteSource | undefined,
  undo: (() => unknown)[],
  signal: AbortSignal | undefined,
): Promise<() => readonly string[]> {
  const clock = systemClock;
  const keep = <T extends Disposable>(part: T): T => {
    undo.push(() => {
      part[Symbol.dispose]();
    });
    return part;
  };
  const { NSM_NAME: name, NSM_DIAL_TIMEOUT: dialTimeoutMs } = config;
  let opened: Promise<Cluster> | undefined;
  const cluster = (): Promise<Cluster> =>
    (opened ??= openCluster({ clock, log }).then((found) => keep(found)));
  let pods: NodePods | undefined;
  const onPods = (found: NodePods): void => {
    pods = found;
  };
  const isOwnerGone = (id: string): boolean => pods?.isGone(id) ?? false;
  const identity = { site, log, clock, signal, undo, cluster, onPods };
  const security = await openIdentity(config, identity);
  const info = placeOf(config);
  const peers = keep(channels({ security, dialTimeoutMs, log, clock }));
  const far = keep(
    channels({
      security,
      dialTimeoutMs: Math.max(dialTimeoutMs, peerDialMs),
      allowed: isPeerControl(site),
      log,
      clock,
    }),
  );
  const sites = keep(new Sites({ source: site, ask: { channels: far }, clock, log }));
  let urls = (): readonly string[] => [];
  const publicUrl = (): string | undefined => urls().find((url) => url.startsWith('tcp:'));
  const stores = await storesOf(config, { cluster, publicUrl, isOwnerGone, undo, clock, log });
  const entries = keep(
    registries({
      expireMs: config.NSM_EXPIRE_PERIOD,
      info,
      security,
      publicUrl,
      isOwnerGone,
      sites,
      ...(stores && { stores }),
      clock,
      log,
    }),
  );
  const prefixes = keep(await prefixFile(config.WANWIRE_EXCLUDED_PREFIXES_FILE, log));
  const events = new ConnectionEvents();
  const chain = managerChain({
    name,
    security,
    events,
    info,
    prefixes,
    forwarderService: config.NSM_FORWARDER_NETWORK_SERVICE_NAME,
    registries: entries,
    channels: peers,
    site: sites,
    holdMs: config.WANWIRE_HOLD,
  });
  const what = { security, log, clock, chain, events, registries: entries };
  const control = new ControlListeners({
    serve: (url) => serve({ ...what, listenOn: [url], allowed: isOwnControl(site) }),
    clock,
    log,
  });
  undo.push(() => control.close(graceMs));
  const listenOn = config.NSM_LISTEN_ON;
  const serving = await serve({
    ...what,
    listenOn,
    allowed: isOwnControl(site),
    socketMode: config.WANWIRE_SOCKET_MODE,
  });
  undo.push(() => serving.close(graceMs));
  urls = () => [...serving.urls, ...control.urls];
  if (site !== undefined) await follow(site, { entries, control, serving, log });
  log.info({ urls: urls() }, 'listening');
  return urls;
}

interface Followers {
  readonly entries: ReturnType<typeof registries>;
  readonly control: ControlListeners;
  readonly serving: Serving;
  readonly log: Logger;
}

/** Bring services and listeners to what the site's files say, now and after each change. */
async function follow(site: SiteSource, followers: Followers): Promise<void> {
  const { entries, control, serving, log } = followers;
  const apply = async (): Promise<void> => {
    const { site: now, networkServices } = site.current;
    await entries.declare(networkServices);
    // What NSM_LISTEN_ON has already is listened on.
    await control.set(now.control.filter((place) => !serving.urls.includes(`tcp://${place}`)));
  };
  let turn = apply();
  site.onChange(() => {
    turn = turn.then(apply).catch((reason: unknown) => {
      log.error({ err: reason }, 'the site file was not applied');
    });
  });
  await turn;
}

interface StoreParts {
  readonly isOwnerGone: (id: string) => boolean;
  readonly cluster: () => Promise<Cluster>;
  readonly publicUrl: () => string | undefined;
  readonly undo: (() => unknown)[];
  readonly clock: Clock;
  readonly log: Logger;
}

/** The registry in Kubernetes, where it is asked for. */
async function storesOf(config: Config, parts: StoreParts): Promise<Stores | undefined> {
  if (config.WANWIRE_REGISTRY !== 'kubernetes') return undefined;
  const { kubeStores } = await import('./k8s/stores.js');
  const { declaredServices } = await import('./k8s/declared.js');
  const { publicUrl, isOwnerGone, undo, clock, log } = parts;
  const cluster = await parts.cluster();
  const stores = await kubeStores(
    {
      ...{ cluster, isOwnerGone, clock, log },
      // An address that means every one of ours is none to others.
      publicUrl: () =>
        /\/\/(0\.0\.0\.0|\[::\]):/.test(publicUrl() ?? '') ? undefined : publicUrl(),
      manager: config.NSM_NAME,
      namespace: config.NSM_NAMESPACE ?? cluster.namespace,
      forwarderService: config.NSM_FORWARDER_NETWORK_SERVICE_NAME,
      graceMs: config.NSM_EXPIRE_PERIOD,
    },
    firstListMs,
  );
  undo.push(() => {
    stores[Symbol.dispose]();
  });
  const { services, endpoints } = stores;
  const isOurs = (name: string): boolean => endpoints.isOurs(name);
  return { services, endpoints, isOurs, declared: declaredServices(services) };
}

/** Labels that say where this manager runs. */
function placeOf(config: Config): Record<string, string> {
  const { NODE_NAME: nodeName, CLUSTER_NAME: clusterName } = config;
  const known = Object.entries({ nodeName, clusterName });
  return Object.fromEntries(known.filter((one): one is [string, string] => one[1] !== undefined));
}
