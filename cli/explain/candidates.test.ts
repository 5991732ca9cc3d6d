// SPDX-License-Identifier: Apache-2.0
/** Strands of a class, level by level. */
import t from 'tap';
import type { SiteLink, SteeringPolicy } from '../../api/site/types.js';
import { slotsOf } from '../../forwarder/steering/slots.js';
import { candidatesOf, levelNamer } from './candidates.js';
import type { PlaneStrand } from '../plane/types.js';

const some = { sla: undefined, strict: false };
const policy: SteeringPolicy = {
  name: 'p',
  services: ['wan'],
  classes: [
    {
      name: 'bulk',
      links: [
        { name: 'fibre', class: undefined, weight: 25 },
        { name: 'lte', class: undefined, weight: 75 },
      ],
      ...some,
      fallback: ['both', 'best-effort'],
    },
    // All of its links are bulk's own.
    { name: 'both', links: [{ name: 'lte', class: undefined, weight: 1 }], ...some, fallback: [] },
  ],
  rules: [],
  httpRules: [],
  default: 'bulk',
};
const links = [
  { name: 'fibre', class: 'low-latency' },
  { name: 'lte', class: 'metered' },
  { name: 'dsl', class: 'best-effort' },
  { name: 'sat', class: 'space' },
];
const strands = links.map(({ name }, at) => ({
  id: at + 1,
  name: `${name}-cloud/wan0`,
  link: name,
  state: name === 'lte' ? 'down' : 'up',
  down: name === 'lte' ? ['carrier'] : [],
})) as unknown as PlaneStrand[];
const levels = slotsOf(
  'bulk',
  policy,
  links.map((link, at) => ({ id: at + 1, link: link as SiteLink })),
);

t.strictSame(
  candidatesOf(levels, { strands, links }, levelNamer(policy, 'bulk'), {
    strand: 3,
    by: 'slot',
  }).map(({ level, of, link, sharePercent, state, down, chosen }) => [
    level,
    of,
    link,
    sharePercent,
    [state, ...down].join(' '),
    chosen,
  ]),
  [
    [1, 'bulk', 'lte', 75, 'down carrier', false],
    [1, 'bulk', 'fibre', 25, 'up', false],
    [2, 'best-effort', 'dsl', 100, 'up', true],
    [3, 'any other link', 'sat', 100, 'up', false],
  ],
);
t.match(
  candidatesOf([[9]], { strands, links }, () => null, { strand: 0, by: 'none' }),
  [{ strand: '#9', of: null, state: 'down', chosen: false }],
  'one that nobody knows any more',
);
