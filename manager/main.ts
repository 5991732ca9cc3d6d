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
import { channels } from '../api/grpc/dial.js';
import { serve, type Serving } from '../api/grpc/serve.js';
import type { Logger } from '../api/log/log.js';
import { managerChain } from './chain.js';
import type { Config } from './config.js';
import { prefixFile } from './excluded-prefixes-file.js';
import { registries } from './registry/chain.js';

/** A manager that answers. */
export interface Running {
  readonly urls: readonly string[];
  /** Answer what has been asked, then stop. */
  close(): Promise<void>;
}

/** What running calls get at the end, in milliseconds. */
const graceMs = 1_000;

/** Start it; resolves when it listens, rejects and leaves nothing where it cannot. */
export async function start(config: Config, log: Logger): Promise<Running> {
  const clock = systemClock;
  const insecure = config.WANWIRE_INSECURE;
  const info = placeOf(config);
  let serving: Serving | undefined;
  const entries = registries({
    expireMs: config.NSM_EXPIRE_PERIOD,
    info,
    publicUrl: () => serving?.urls.find((url) => url.startsWith('tcp:')),
    clock,
    log,
  });
  const peers = channels({ dialTimeoutMs: config.NSM_DIAL_TIMEOUT, insecure, log, clock });
  const prefixes = await prefixFile(config.WANWIRE_EXCLUDED_PREFIXES_FILE, log);
  const end = (): void => {
    for (const part of [prefixes, peers, entries]) part[Symbol.dispose]();
  };
  const events = new ConnectionEvents();
  const chain = managerChain({
    name: config.NSM_NAME,
    tokens: developmentTokens(config.NSM_NAME, config.NSM_MAX_TOKEN_LIFETIME, clock),
    events,
    info,
    prefixes,
    forwarderService: config.NSM_FORWARDER_NETWORK_SERVICE_NAME,
    registries: entries,
    channels: peers,
  });
  try {
    const listenOn = config.NSM_LISTEN_ON;
    const socketMode = config.WANWIRE_SOCKET_MODE;
    const what = { chain, events, registries: entries };
    serving = await serve({ listenOn, insecure, log, clock, socketMode, ...what });
  } catch (reason) {
    end();
    throw reason;
  }
  const { urls, close } = serving;
  log.info({ urls }, 'listening');
  return {
    urls,
    async close() {
      await close(graceMs);
      end();
    },
  };
}

/** Labels that say where this manager runs. */
function placeOf(config: Config): Record<string, string> {
  const { NODE_NAME: nodeName, CLUSTER_NAME: clusterName } = config;
  const known = Object.entries({ nodeName, clusterName });
  return Object.fromEntries(known.filter((one): one is [string, string] => one[1] !== undefined));
}
