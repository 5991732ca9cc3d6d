// SPDX-License-Identifier: Apache-2.0
/**
 * The process `wanwire manager`: nsmgr and registry in one, for a machine
 * without NSM. It keeps nothing on disk: after a restart, endpoints and
 * forwarders register again by themselves, and the next refresh of a wire
 * finds its way by its path.
 */
import { systemClock } from '../api/chain/clock.js';
import { ConnectionEvents } from '../api/elements/connection-events.js';
import { developmentTokens } from '../api/elements/tokens.js';
import { isOwnControl, isPeerControl } from '../api/grpc/control.js';
import { channels } from '../api/grpc/dial.js';
import { serve, type Serving } from '../api/grpc/serve.js';
import type { Logger } from '../api/log/log.js';
import { managerChain } from './chain.js';
import type { Config } from './config.js';
import { prefixFile } from './excluded-prefixes-file.js';
import { registries } from './registry/chain.js';
import { ControlListeners } from './sites/control.js';
import { Sites, type SiteSource } from './sites/sites.js';

/** A manager that answers. */
export interface Running {
  /** Where it listens, its control addresses last. */
  readonly urls: readonly string[];
  /** Answer what has been asked, then stop. */
  close(): Promise<void>;
}

/** What running calls get at the end, in milliseconds. */
const graceMs = 1_000;
/** How long another site may take to accept a connection, at least: satellites are slow. */
const peerDialMs = 3_000;

/**
 * Start it; resolves when it listens, rejects and leaves nothing where it cannot.
 * `given` stands in for the site's files (`WANWIRE_SITE_FILE`).
 */
export async function start(config: Config, log: Logger, given?: SiteSource): Promise<Running> {
  const undo: (() => unknown)[] = [];
  const close = async (): Promise<void> => {
    for (let act = undo.pop(); act !== undefined; act = undo.pop()) await act();
  };
  try {
    const site = given ?? (await siteOf(config, log, undo));
    const urls = await build(config, log, site, undo);
    return {
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

/** The site's files, followed; nothing where there are none. */
async function siteOf(
  { WANWIRE_SITE_FILE: paths }: Config,
  log: Logger,
  undo: (() => unknown)[],
): Promise<SiteSource | undefined> {
  if (paths.length === 0) return undefined;
  // Without a site nobody needs a YAML parser and a schema in memory.
  const { watchSiteFiles } = await import('../api/site/watch.js');
  const watch = await watchSiteFiles(paths, { log, clock: systemClock });
  undo.push(() => {
    watch[Symbol.dispose]();
  });
  return watch;
}

async function build(
  config: Config,
  log: Logger,
  site: SiteSource | undefined,
  undo: (() => unknown)[],
): Promise<() => readonly string[]> {
  const clock = systemClock;
  const keep = <T extends Disposable>(part: T): T => {
    undo.push(() => {
      part[Symbol.dispose]();
    });
    return part;
  };
  const { NSM_NAME: name, WANWIRE_INSECURE: insecure, NSM_DIAL_TIMEOUT: dialTimeoutMs } = config;
  const info = placeOf(config);
  const tokens = developmentTokens(name, config.NSM_MAX_TOKEN_LIFETIME, clock);
  const peers = keep(channels({ dialTimeoutMs, insecure, log, clock }));
  const far = keep(
    channels({
      dialTimeoutMs: Math.max(dialTimeoutMs, peerDialMs),
      insecure,
      allowed: isPeerControl(site),
      log,
      clock,
    }),
  );
  const sites = keep(new Sites({ source: site, ask: { channels: far, tokens }, clock, log }));
  let urls = (): readonly string[] => [];
  const entries = keep(
    registries({
      expireMs: config.NSM_EXPIRE_PERIOD,
      info,
      publicUrl: () => urls().find((url) => url.startsWith('tcp:')),
      sites,
      clock,
      log,
    }),
  );
  const prefixes = keep(await prefixFile(config.WANWIRE_EXCLUDED_PREFIXES_FILE, log));
  const events = new ConnectionEvents();
  const chain = managerChain({
    name,
    tokens,
    events,
    info,
    prefixes,
    forwarderService: config.NSM_FORWARDER_NETWORK_SERVICE_NAME,
    registries: entries,
    channels: peers,
    site: sites,
    holdMs: config.WANWIRE_HOLD,
  });
  const what = { insecure, log, clock, chain, events, registries: entries };
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

/** Labels that say where this manager runs. */
function placeOf(config: Config): Record<string, string> {
  const { NODE_NAME: nodeName, CLUSTER_NAME: clusterName } = config;
  const known = Object.entries({ nodeName, clusterName });
  return Object.fromEntries(known.filter((one): one is [string, string] => one[1] !== undefined));
}
