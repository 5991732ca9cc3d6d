// SPDX-License-Identifier: Apache-2.0
/** The environment of the embedded authority: where it is kept, whom it is for, and where it is asked. */
import { duration } from '../api/env/duration.js';
import { boolean, name } from '../api/env/text.js';
import { variable, type Table } from '../api/env/table.js';
import { parseUrl } from '../api/env/urls.js';

const unixUrl = variable('unix:///path', (value): string => {
  const url = parseUrl(value);
  if (!url.startsWith('unix:'))
    throw new Error('is no unix socket: who connects is told by the kernel');
  return url;
});

const trustDomain = variable(
  'a trust domain: at most 255 small letters, digits, dots, dashes and underscores',
  (value): string => {
    if (!/^[a-z0-9._-]{1,255}$/.test(value)) throw new Error('is no trust domain');
    return value;
  },
);

const shortest = { ms: 1_000, text: '1s' };
const longest = { ms: 3_600_000, text: '1h' };
const lifetime = variable(
  `a duration from ${shortest.text} to ${longest.text}`,
  (value): number => {
    const ms = duration({ description: '' }).parse(value) ?? 0;
    if (ms < shortest.ms || ms > longest.ms) throw new Error('is out of range');
    return ms;
  },
);

/** Variables of who has an authority of his own. */
export const authorityTable = {
  WANWIRE_AGENT_LISTEN_ON: unixUrl({
    description:
      'Where the manager serves the SPIFFE Workload API of its own authority; unix:///run/wanwire/agent.sock where not set, and nowhere while SPIFFE_ENDPOINT_SOCKET names another agent.',
  }),
  WANWIRE_TRUST_DIR: name({
    description:
      'Folder of the authority (its root with its key) and of imported bundles, which have to outlive a reboot; /var/lib/wanwire/NAME/trust where not set, of the site or else the manager.',
  }),
  WANWIRE_TRUST_DOMAIN: trustDomain({
    default: 'wanwire.local',
    description: 'The trust domain of a manager without a site file.',
  }),
  WANWIRE_POD_IDENTITIES: boolean({
    default: 'false',
    description:
      'In Kubernetes: who runs in a pod of this node (NODE_NAME) gets spiffe://TRUST-DOMAIN/ns/NAMESPACE/pod/NAME, after the rules of the site; wants hostPID, and list and watch of pods.',
  }),
  WANWIRE_SVID_LIFETIME: lifetime({
    default: '1h',
    description:
      'How long an identity lives that the authority gives; it is renewed at half of that.',
  }),
} as const satisfies Table;

/** Where the trust folder is, of a site or of a manager without one, where nobody says otherwise. */
export function trustFolder(name: string): string {
  return `/var/lib/wanwire/${encodeURIComponent(name)}/trust`;
}
