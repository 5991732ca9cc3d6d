// SPDX-License-Identifier: Apache-2.0
/** Our own Workload API for one test: a manager that does nothing else. */
import { existsSync, writeFileSync } from 'node:fs';
import type { World } from '../../lab/world.js';
import { until } from '../stage/up.js';
import { domain } from './spire.js';

/** Starts it; the answer is its socket, as `SPIFFE_ENDPOINT_SOCKET` names it. */
export async function startAuthority(
  world: World,
  groups: ReadonlyMap<string, number>,
): Promise<string> {
  const file = world.path('authority.yaml');
  const rules = [...groups].map(([name, group]) => `{id: /${name}, gid: ${String(group)}}`);
  writeFileSync(
    file,
    `apiVersion: wanwire.io/v1alpha1
kind: Site
metadata: {name: interop}
spec:
  trustDomain: ${domain}
  links: [{name: none, device: lo, trusted: true}]
  identities: [${rules.join(', ')}]
`,
  );
  const socket = world.path('agent.sock');
  const env = {
    NSM_NAME: 'authority',
    NSM_LISTEN_ON: `unix://${world.path('authority.sock')}`,
    WANWIRE_SITE_FILE: file,
    WANWIRE_AGENT_LISTEN_ON: `unix://${socket}`,
    WANWIRE_TRUST_DIR: world.path('trust'),
  };
  await world.start({ name: 'authority', command: 'manager', env });
  await until('a Workload API', () => existsSync(socket));
  return `unix://${socket}`;
}
