// SPDX-License-Identifier: Apache-2.0
/** The files of the demo of boss and minion: its lab, and the policy as it is before and after the swap. */
import { defaultLab } from '../../../lab/default.js';
import type { LabFile } from '../../../lab/types.js';
import { edgeSite, links } from '../sites.js';

/** What a class is called, in the demo. */
export type ClassName = (typeof links)[number]['class'];

/** A user's class by the policy's http rules. */
export interface MeshRules {
  readonly boss: ClassName;
  readonly minion: ClassName;
}

/** As it begins. */
export const before: MeshRules = { boss: 'low-latency', minion: 'best-effort' };
/** Minion becomes boss. */
export const after: MeshRules = { boss: 'best-effort', minion: 'low-latency' };
/** Of all other users. */
export const others: ClassName = 'best-effort';

/** What the client asks for: the wire of the policy, and one for each class. */
export const wishes =
  'kernel://wan@cloud/nsm-1,kernel://wan-low-latency@cloud/nsm-low,kernel://wan-best-effort@cloud/nsm-bulk';

/** How the two links differ, each way. */
export const shapes = {
  fibre: { delay: '10ms', rate: '50mbit' },
  lte: { delay: '40ms', rate: '20mbit' },
} as const;

/** Two sites, two cables, one short and one long. */
export function meshLab(): LabFile {
  const file = defaultLab();
  const sites = file.spec.sites.map((site) => ({
    ...site,
    links: site.links.map((link) => {
      const own = links.find(({ device }) => site.name === 'edge' && device === link.name);
      return own === undefined ? link : { ...link, ...shapes[own.name] };
    }),
  }));
  return { ...file, spec: { sites } };
}

/** The edge's file with these http rules. */
export function meshEdge({ boss, minion }: MeshRules): string {
  const policy = `  classes:
    low-latency: {links: [{class: low-latency}], sla: ${sla}, fallback: [best-effort]}
  rules:
    - {name: boss, match: {http: {headers: {user: boss}}}, class: ${boss}}
    - {name: minion, match: {http: {headers: {user: minion}}}, class: ${minion}}
  default: ${others}
`;
  return edgeSite(policy, quality);
}

/** What the class of the fibre is promised, as the policy says it. */
export const sla = '{rttMs: 200, lossPercent: 2}';

/** A link that is back is trusted sooner than is usual, and all its sessions come home at once: a story is short. */
const quality = 'quality: {holdDownMs: 500, returnPerSecond: 0}';

/** The link that a class has. */
export function linkOf(name: ClassName): string {
  return links.find((link) => link.class === name)?.name ?? '';
}
