// SPDX-License-Identifier: Apache-2.0
/** The node-agent's environment. */
import { common, probed } from '../api/env/common.js';
import { duration } from '../api/env/duration.js';
import type { Table, Values } from '../api/env/table.js';
import { name } from '../api/env/text.js';

/** Every variable of `wanwire node-agent`. */
export const table = {
  NSM_NAME: name({ default: 'node-agent', description: 'Name of this process in its log.' }),
  NODE_NAME: name({ required: true, description: 'The Node object of this machine.' }),
  WANWIRE_SITE_FOLDER: name({
    default: '/etc/wanwire',
    description:
      'Where it writes what concerns this node: site.yaml, which the other processes of the node follow (WANWIRE_SITE_FILE), and trust bundles.',
  }),
  WANWIRE_FORWARDER_SOCKET: name({
    description:
      "The operator's socket of this node's forwarder: by it the status of objects is known; without it none is written.",
  }),
  NSM_NAMESPACE: name({
    description: 'The namespace of that ConfigMap; its own where not set.',
  }),
  WANWIRE_TRUST_BUNDLES: name({
    default: 'wanwire-trust-bundles',
    description: 'The ConfigMap whose keys are the trust bundles that a Site names.',
  }),
  WANWIRE_STATUS_PERIOD: duration({
    default: '10s',
    description: 'How often at most figures of links are written; states are written at once.',
  }),
  WANWIRE_KUBECONFIG: name({
    description: 'A kubeconfig; in a pod its service account is used where this is not set.',
  }),
  ...common,
  ...probed,
} as const satisfies Table;

/** The parsed environment. */
export type Config = Values<typeof table>;
