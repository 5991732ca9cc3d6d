// SPDX-License-Identifier: Apache-2.0
/** What every process of ours takes; spread into each `config.ts`. */
import { agent } from './agent.js';
import { duration } from './duration.js';
import { logLevel } from './log-level.js';
import { list, parseList } from './list.js';
import { boolean, name, text } from './text.js';
import { variable, type Table } from './table.js';
import { unixUrl } from './urls.js';

const comesWithMetrics = 'metrics and traces come in a later version';
const builtIn = "wanwire checks what NSM's default policies check, and no others";

/** Variables of every process. */
export const common = {
  NSM_LOG_LEVEL: logLevel({
    default: 'INFO',
    description: 'How much is logged; SIGUSR1 raises it to TRACE and SIGUSR2 brings it back.',
  }),
  NSM_MAX_TOKEN_LIFETIME: duration({
    default: '10m',
    description: 'How long a token, and with it a wire that nobody refreshes, lives.',
  }),
  WANWIRE_INSECURE: boolean({
    default: 'false',
    description:
      'For development: no identities and no checks, but plaintext, on unix sockets, loopback addresses and control addresses of the site file only.',
  }),
  SPIFFE_ENDPOINT_SOCKET: agent({
    description:
      'The socket of the SPIFFE agent (Workload API) that gives this process its identity; needed unless WANWIRE_INSECURE is true.',
  }),
  TELEMETRY: text({ description: 'Turns telemetry on.', unused: comesWithMetrics }),
  NSM_OPEN_TELEMETRY_ENDPOINT: text({
    default: 'otel-collector.observability.svc.cluster.local:4317',
    description: 'Where traces and metrics are sent.',
    unused: comesWithMetrics,
  }),
  NSM_METRICS_EXPORT_INTERVAL: duration({
    default: '10s',
    description: 'Time between two exports of metrics.',
    unused: comesWithMetrics,
  }),
  NSM_PPROF_ENABLED: boolean({
    default: 'false',
    description: "Serve Go's profiles.",
    unused: 'it is a feature of Go programs; use node --inspect',
  }),
  NSM_PPROF_LISTEN_ON: text({
    default: 'localhost:6060',
    description: "Where Go's profiles are served.",
    unused: 'it is a feature of Go programs; use node --inspect',
  }),
} as const satisfies Table;

/** For processes that ask a registry. */
export const registryClientPolicies = {
  NSM_REGISTRY_CLIENT_POLICIES: list({
    default: 'etc/nsm/opa/common/.*.rego,etc/nsm/opa/registry/.*.rego,etc/nsm/opa/client/.*.rego',
    description: 'Masks of the policies that a registry client checks.',
    unused: builtIn,
  }),
} as const satisfies Table;

/** For processes that serve a registry. */
export const registryServerPolicies = {
  NSM_REGISTRY_SERVER_POLICIES: list({
    default: 'etc/nsm/opa/common/.*.rego,etc/nsm/opa/registry/.*.rego,etc/nsm/opa/server/.*.rego',
    description: 'Masks of the policies that a registry server checks.',
    unused: builtIn,
  }),
} as const satisfies Table;

/** For processes that somebody looks after: the kubelet, or a supervisor. */
export const probed = {
  WANWIRE_PROBE_LISTEN_ON: unixUrl({
    description:
      'Where it says whether it is ready: each connection gets one line, `ok NAME` or `not ready: WHY`. Nowhere where not set.',
  }),
} as const satisfies Table;

/** For processes of a site: its links, peers and policies. */
export const site = {
  WANWIRE_SITE_FILE: list({
    default: '',
    description:
      'Files with the site, its policies and network services, a comma list; read again when they change. Without one there are no other sites.',
  }),
  WANWIRE_HOLD: duration({
    default: '24h',
    description:
      'How long a wire to another site is kept while that site cannot be asked and the wire still carries, or waits for a link.',
  }),
} as const satisfies Table;

/** For processes of a site that may come later, or go. */
export const siteOptional = {
  WANWIRE_SITE_OPTIONAL: boolean({
    default: 'false',
    description:
      'WANWIRE_SITE_FILE may be missing or without a Site: it then runs as without one, and ends, to be started again, when there is one, when it has gone, and when it is another.',
  }),
} as const satisfies Table;

/** For processes that may run in a pod: where they are, told to peers as labels (`clientInfo`). */
export const place = {
  NODE_NAME: name({ description: 'The node, sent as label nodeName.' }),
  POD_NAME: name({ description: 'The pod, sent as label podName.' }),
  CLUSTER_NAME: name({ description: 'The cluster, sent as label clusterName.' }),
} as const satisfies Table;

/** `[a,b],[c]` as lists of texts; for NSM_AWARENESS_GROUPS. */
export const groups = variable(
  'groups such as [a,b],[c]',
  (value): readonly (readonly string[])[] => {
    const found = [...value.matchAll(/\[([^[\]]*)\]/g)].map((match) => parseList(match[1] ?? ''));
    if (value.replaceAll(/\[[^[\]]*\]/g, '').replaceAll(/[\s,]/g, '') !== '') {
      throw new Error('has something outside of brackets');
    }
    return found;
  },
  { mayBeEmpty: true },
);
