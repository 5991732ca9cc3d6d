// SPDX-License-Identifier: Apache-2.0
/** The environment of `wanwire up`: its own variables, and those it passes on to the processes it starts. */
import { common, site } from '../../api/env/common.js';
import type { Table } from '../../api/env/table.js';
import { name } from '../../api/env/text.js';
import { table as forwarder } from '../../forwarder/config.js';
import { table as manager } from '../../manager/config.js';

const { WANWIRE_BPF_DIR, WANWIRE_MAX_SESSIONS, WANWIRE_INSERT_RATE, WANWIRE_STAMP_PORT } =
  forwarder;
const { WANWIRE_SOCKET_MODE, NSM_DIAL_TIMEOUT, NSM_EXPIRE_PERIOD, WANWIRE_EXCLUDED_PREFIXES_FILE } =
  manager;
const { WANWIRE_AGENT_LISTEN_ON, WANWIRE_TRUST_DIR, WANWIRE_SVID_LIFETIME } = manager;

/** Every variable of `wanwire up`; all other `NSM_*` and `WANWIRE_*` of its processes follow from the site. */
export const table = {
  WANWIRE_SITE_FILE: {
    ...site.WANWIRE_SITE_FILE,
    description:
      'Files with the site, its policies and network services, a comma list; -f goes before it.',
  },
  WANWIRE_DIRECTORY: name({
    description:
      'Folder of sockets and state; --directory goes before it; /run/wanwire/SITE where not set.',
  }),
  WANWIRE_HOLD: site.WANWIRE_HOLD,
  WANWIRE_SOCKET_MODE,
  WANWIRE_AGENT_LISTEN_ON: {
    ...WANWIRE_AGENT_LISTEN_ON,
    description:
      'Where the manager serves the SPIFFE Workload API of its own authority; agent.sock in the folder where not set, and nowhere while SPIFFE_ENDPOINT_SOCKET names another agent.',
  },
  WANWIRE_TRUST_DIR: {
    ...WANWIRE_TRUST_DIR,
    description:
      'Folder of the authority (its root with its key) and of imported bundles, which have to outlive a reboot; /var/lib/wanwire/SITE/trust where not set.',
  },
  WANWIRE_SVID_LIFETIME,
  WANWIRE_BPF_DIR,
  WANWIRE_MAX_SESSIONS,
  WANWIRE_INSERT_RATE,
  WANWIRE_STAMP_PORT,
  WANWIRE_EXCLUDED_PREFIXES_FILE,
  NSM_DIAL_TIMEOUT,
  NSM_EXPIRE_PERIOD,
  ...common,
} as const satisfies Table;
