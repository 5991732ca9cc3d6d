// SPDX-License-Identifier: Apache-2.0
/** The process `wanwire nse`: an endpoint from its environment. */
import type { Logger } from '../api/log/log.js';
import { pointToPoint } from '../api/ipam/point-to-point.js';
import type { Config } from './config.js';
import { dns } from './elements/dns.js';
import { endpoint } from './endpoint.js';
import { startOptional } from './wan/optional.js';
import { startWan, type Running } from './wan/main.js';

/** Start it: of the site whose files are given, else of its environment alone; resolves when it is registered. `signal` ends it, also before that. */
export function start(config: Config, log: Logger, signal?: AbortSignal): Promise<Running> {
  if (config.WANWIRE_SITE_FILE.length > 0) {
    return (config.WANWIRE_SITE_OPTIONAL ? startOptional : startWan)(config, log, signal);
  }
  return endpoint({
    name: config.NSM_NAME,
    services: config.NSM_SERVICE_NAMES,
    payload: config.NSM_PAYLOAD,
    labels: { ...place(config), ...config.NSM_LABELS },
    registerServices: config.NSM_REGISTER_SERVICE,
    unregister: config.NSM_UNREGISTER_ITSELF,
    elements: [dns(config.NSM_DNS_CONFIGS)],
    ipam: pointToPoint(config.NSM_CIDR_PREFIX, { policy: config.NSM_IPAM_POLICY }),
    connectTo: config.NSM_CONNECT_TO,
    insecure: config.WANWIRE_INSECURE,
    heldMs: config.WANWIRE_HOLD,
    agent: config.SPIFFE_ENDPOINT_SOCKET,
    tokenLifetimeMs: config.NSM_MAX_TOKEN_LIFETIME,
    log,
    ...(signal === undefined ? {} : { signal }),
  });
}

/** Where the endpoint runs, as labels; NSM's `clientinfo` for registrations. */
function place(config: Config): Record<string, string> {
  const { NODE_NAME: nodeName, POD_NAME: podName, CLUSTER_NAME: clusterName } = config;
  return Object.fromEntries(
    Object.entries({ nodeName, podName, clusterName }).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    ),
  );
}
