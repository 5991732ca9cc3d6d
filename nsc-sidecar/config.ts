// SPDX-License-Identifier: Apache-2.0
/** The client's environment: cmd-nsc's variables and our own. */
import { common, groups, place, probed, site } from '../api/env/common.js';
import { duration } from '../api/env/duration.js';
import { labelsEquals } from '../api/env/list.js';
import { boolean, name, oneOf, text } from '../api/env/text.js';
import type { Table, Values } from '../api/env/table.js';
import { url } from '../api/env/urls.js';
import { networkServices } from '../api/annotation/network-service-url.js';

const comesWithDns = 'DNS for clients comes in a later version';

/** Every variable of `wanwire nsc`. */
export const table = {
  NSM_NAME: name({
    default: 'nsc',
    description: 'Name of this client; its wires are NAME-0, NAME-1, ... and unique in the mesh.',
  }),
  NSM_NETWORK_SERVICES: networkServices({
    required: true,
    description:
      'The wires to ask for, each with its service, interface and labels. Where several lead to one place, the first is preferred.',
  }),
  NSM_CONNECT_TO: url({
    default: 'unix:///var/lib/networkservicemesh/nsm.io.sock',
    description: 'Where the manager listens.',
  }),
  NSM_DIAL_TIMEOUT: duration({
    default: '5s',
    description: 'How long a connection to the manager may take to come up.',
  }),
  NSM_REQUEST_TIMEOUT: duration({
    default: '15s',
    description: 'How long one Request may take.',
  }),
  NSM_LIVENESS_CHECK_ENABLED: boolean({
    default: 'true',
    description: 'Ping the far end of each wire, and choose anew when it is silent.',
  }),
  NSM_LIVENESS_CHECK_INTERVAL: duration({
    default: '200ms',
    description: 'Time between two checks of a wire.',
  }),
  NSM_LIVENESS_CHECK_TIMEOUT: duration({
    default: '1s',
    description: 'How long one check waits; its four pings are spread over it.',
  }),
  WANWIRE_START_WHEN: oneOf(
    'any',
    'all',
  )({
    default: 'any',
    description: 'The client is ready when any of its wires is up, or when all of them are.',
  }),
  WANWIRE_HOLD: site.WANWIRE_HOLD,
  ...place,
  ...common,
  ...probed,
  NSM_LABELS: labelsEquals({
    default: '',
    description: 'Labels of the client.',
    unused: "NSM's client does not send them either; labels stand in the URL",
  }),
  NSM_MECHANISM: text({
    default: 'kernel',
    description: 'The mechanism.',
    unused: 'it stands in the URL, as for NSM',
  }),
  NSM_AWARENESS_GROUPS: groups({
    default: '',
    description: 'Services whose endpoints are to be near each other.',
    unused: 'awareness groups come in a later version',
  }),
  NSM_LOCAL_DNS_SERVER_ENABLED: boolean({
    default: 'true',
    description: 'Serve DNS to the pod.',
    unused: comesWithDns,
  }),
  NSM_LOCAL_DNS_SERVER_ADDRESS: text({
    default: '127.0.0.1:53',
    description: 'Where DNS is served.',
    unused: comesWithDns,
  }),
} as const satisfies Table;

/** The parsed environment. */
export type Config = Values<typeof table>;
