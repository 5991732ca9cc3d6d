// SPDX-License-Identifier: Apache-2.0
/** The manager's environment: cmd-nsmgr's variables and the embedded registry's. */
import {
  common,
  place,
  probed,
  registryClientPolicies,
  registryServerPolicies,
  site,
  siteOptional,
} from '../api/env/common.js';
import { duration } from '../api/env/duration.js';
import type { Table, Values } from '../api/env/table.js';
import { name, oneOf, text } from '../api/env/text.js';
import { listenUrls } from '../api/env/urls.js';
import { fileMode } from './file-mode.js';
import { authorityTable } from './identity-config.js';

const embedded = 'the registry is part of the manager';

/** Every variable of `wanwire manager`. */
export const table = {
  NSM_NAME: name({ default: 'nmgr', description: 'Name of this manager in the path of a wire.' }),
  NSM_LISTEN_ON: listenUrls({
    default: 'unix:///var/lib/networkservicemesh/nsm.io.sock',
    description:
      'Where it listens; the first tcp:// URL is what other nodes are told endpoints are behind.',
  }),
  WANWIRE_SOCKET_MODE: fileMode({
    default: '0600',
    description: 'Who may connect to its unix socket; 0777 lets in every user of the machine.',
  }),
  NSM_DIAL_TIMEOUT: duration({
    default: '750ms',
    description: 'How long a forwarder may take to accept a connection.',
  }),
  NSM_FORWARDER_NETWORK_SERVICE_NAME: name({
    default: 'forwarder',
    description: 'The network service that forwarders register for.',
  }),
  NSM_EXPIRE_PERIOD: duration({
    default: '1m',
    description: 'How long an endpoint stays registered that does not refresh.',
  }),
  WANWIRE_EXCLUDED_PREFIXES_FILE: name({
    default: '/var/lib/networkservicemesh/config/excluded_prefixes.yaml',
    description: 'Prefixes that no wire may use (YAML: `prefixes:`); read again when it changes.',
  }),
  WANWIRE_REGISTRY: oneOf(
    'memory',
    'kubernetes',
  )({
    default: 'memory',
    description:
      'Where services and endpoints are kept: in this process, or as objects of networkservicemesh.io/v1, which the managers of all nodes share (a pod’s service account, else KUBECONFIG).',
  }),
  NSM_NAMESPACE: name({
    description:
      'With WANWIRE_REGISTRY=kubernetes: where objects are made; the namespace of the service account where not set.',
  }),
  ...authorityTable,
  ...site,
  ...siteOptional,
  ...place,
  ...common,
  ...probed,
  ...registryClientPolicies,
  ...registryServerPolicies,
  NSM_REGISTRY_URL: text({
    default: '',
    description: "The registry that NSM's own manager asks.",
    unused: embedded,
  }),
  NSM_PROXY_REGISTRY_URL: text({
    default: '',
    description: 'The registry for names of other domains.',
    unused: 'other sites are named by the site file (WANWIRE_SITE_FILE)',
  }),
} as const satisfies Table;

/** The parsed environment. */
export type Config = Values<typeof table>;
