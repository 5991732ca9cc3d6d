// SPDX-License-Identifier: Apache-2.0
/** Which SPIFFE ID a process gets: the first rule of the site that fits. */
import type { SiteIdentity } from '../../api/site/types.js';
import type { Workload } from './workload.js';

/** What our own processes get where no rule says otherwise. */
export const ownPath = '/wanwire';

/** Path of the SPIFFE ID; nothing where no rule fits. After the site's rules: whoever runs as `ownUid` is one of us. */
export function pathFor(
  workload: Workload,
  rules: readonly SiteIdentity[],
  ownUid: number,
): string | undefined {
  return ruledPath(workload, rules) ?? (workload.uid === ownUid ? ownPath : undefined);
}

/** By the site's rules alone. */
export function ruledPath(workload: Workload, rules: readonly SiteIdentity[]): string | undefined {
  return rules.find((one) => fits(one, workload))?.id;
}

function fits(rule: SiteIdentity, workload: Workload): boolean {
  const { uid, gid, executable, cgroup } = rule;
  return (
    (uid === undefined || uid === workload.uid) &&
    (gid === undefined || gid === workload.gid) &&
    (executable === undefined || executable === workload.executable) &&
    (cgroup === undefined || isWithin(workload.cgroup, cgroup))
  );
}

function isWithin(path: string | undefined, folder: string): boolean {
  return path !== undefined && (path === folder || path.startsWith(`${folder}/`));
}
