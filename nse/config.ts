// SPDX-License-Identifier: Apache-2.0
/** The endpoint's environment: cmd-nse-icmp-responder's variables; only the payload's default differs. */
import { cidrGroups } from '../api/env/cidr.js';
import {
  common,
  place,
  probed,
  registryClientPolicies,
  site,
  siteOptional,
} from '../api/env/common.js';
import { duration } from '../api/env/duration.js';
import { labelsColon, list } from '../api/env/list.js';
import { boolean, name, oneOf, text } from '../api/env/text.js';
import type { Table, Values } from '../api/env/table.js';
import { url } from '../api/env/urls.js';
import { dnsConfigs } from './dns-configs.js';

/** Every variable of `wanwire nse`. */
export const table = {
  NSM_NAME: name({
    default: 'icmp-server',
    description: 'Name of this endpoint; unique in the mesh.',
  }),
  NSM_SERVICE_NAMES: list({
    default: 'icmp-responder',
    description: 'The network services it provides.',
  }),
  NSM_PAYLOAD: oneOf(
    'IP',
    'ETHERNET',
  )({
    default: 'IP',
    description: "Payload of a service that it registers; NSM's own endpoint says ETHERNET.",
  }),
  NSM_LABELS: labelsColon({
    default: '',
    description: "The endpoint's labels, for a service's selectors.",
  }),
  NSM_CIDR_PREFIX: cidrGroups({
    default: '169.254.0.0/16',
    description: 'Where addresses come from: each group gives a client one pair.',
  }),
  NSM_IPAM_POLICY: oneOf(
    'polite',
    'strict',
  )({
    default: 'polite',
    description:
      "What to do with a returning client's addresses outside of the prefixes: keep or replace them.",
  }),
  NSM_DNS_CONFIGS: dnsConfigs({
    default: '[]',
    description: 'DNS servers told to each client.',
  }),
  NSM_CONNECT_TO: url({
    default: 'unix:///var/lib/networkservicemesh/nsm.io.sock',
    description: 'Where the manager listens.',
  }),
  NSM_REGISTER_SERVICE: boolean({
    default: 'true',
    description: 'Register the network services too, not only the endpoint.',
  }),
  NSM_UNREGISTER_ITSELF: boolean({
    default: 'false',
    description: 'Unregister the endpoint at the end; otherwise its entry expires.',
  }),
  WANWIRE_HOLD: site.WANWIRE_HOLD,
  WANWIRE_SITE_FILE: {
    ...site.WANWIRE_SITE_FILE,
    description:
      'Files of a site, a comma list, whose WAN services this endpoint then provides: names, labels and addresses follow from them.',
  },
  ...siteOptional,
  WANWIRE_STATE_DIR: name({
    description: "Where the wires of a site's endpoint are remembered; nowhere where not set.",
  }),
  WANWIRE_FORWARDER_SOCKET: name({
    description:
      "The operator's socket of this node's forwarder: by it the entries of a site's links are labelled with their quality; without it they are not.",
  }),
  ...place,
  ...common,
  ...probed,
  ...registryClientPolicies,
  NSM_IDLE_TIMEOUT: duration({
    default: '0',
    description: 'Stop after so long without a client; 0 is never.',
    unused: 'an endpoint of ours runs until it is stopped',
  }),
  NSM_PBR_CONFIG_PATH: text({
    default: '/etc/policy-based-routing/config.yaml',
    description: 'Policy routes for clients.',
    unused: 'policy routes come in a later version',
  }),
} as const satisfies Table;

/** The parsed environment. */
export type Config = Values<typeof table>;
