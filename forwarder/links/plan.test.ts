// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import type { FoundEnd, WantedEnd } from './end.js';
import { describe } from './operation.js';
import { freshEnd, mustLookBeside, planEnd } from './plan.js';

const wanted: WantedEnd = {
  name: 'nsm-1',
  mac: '02:00:00:00:00:01',
  alias: 'wanwire:f:1',
  mtu: 9000,
  addresses: ['10.0.0.1/32', 'fd00::1/128'],
  routes: [{ to: '10.0.0.2/32' }, { to: '10.1.0.0/16', via: '10.0.0.2' }],
  neighbours: [{ ip: '10.0.0.2', mac: '02:00:00:00:00:02', permanent: true }],
  settings: {},
};

const found: FoundEnd = {
  index: 7,
  name: 'nsm-1',
  mac: '02:00:00:00:00:01',
  alias: 'wanwire:f:1',
  halfMade: false,
  mtu: 9000,
  up: true,
  running: true,
  autoLinkLocal: false,
  looseFilter: false,
  peer: 8,
  addresses: ['fd00::1/128', '10.0.0.1/32'],
  failed: [],
  routes: [{ to: '10.1.0.0/16', via: '10.0.0.2' }, { to: '10.0.0.2/32' }],
  neighbours: [{ ip: '10.0.0.2', mac: '02:00:00:00:00:02', permanent: true }],
};

/** What differs from what is wanted, and what is then done. */
const table: readonly [string, Partial<FoundEnd>, readonly string[]][] = [
  ['nothing', {}, []],
  ['it is down', { up: false }, ['set link 7 up']],
  ['the MTU', { mtu: 1500 }, ['set link 7 mtu 9000']],
  [
    'MAC and alias of one that is down',
    { mac: '02:00:00:00:00:09', alias: '', up: false },
    ['set link 7 mac 02:00:00:00:00:01 alias wanwire:f:1', 'set link 7 up'],
  ],
  ['an address is missing', { addresses: ['10.0.0.1/32'] }, ['add address fd00::1/128']],
  [
    'a foreign global address; a link-local one may stay',
    { addresses: [...found.addresses, '192.0.2.1/24', 'fe80::1/64'] },
    ['delete address 192.0.2.1/24'],
  ],
  [
    'an IPv4 link-local address is like any other',
    { addresses: [...found.addresses, '169.254.0.9/32'] },
    ['delete address 169.254.0.9/32'],
  ],
  [
    'an address of another length',
    { addresses: ['10.0.0.1/24', 'fd00::1/128'] },
    ['add address 10.0.0.1/32', 'delete address 10.0.0.1/24'],
  ],
  [
    'an address that failed duplicate detection',
    { addresses: ['10.0.0.1/32'], failed: ['fd00::1/128'] },
    ['delete address fd00::1/128', 'add address fd00::1/128'],
  ],
  [
    'the routes are gone',
    { routes: [] },
    ['add route 10.0.0.2/32', 'add route 10.1.0.0/16 via 10.0.0.2'],
  ],
  [
    'a route by another gateway',
    { routes: [{ to: '10.0.0.2/32' }, { to: '10.1.0.0/16', via: '10.0.0.9' }] },
    ['add route 10.1.0.0/16 via 10.0.0.2', 'delete route 10.1.0.0/16 via 10.0.0.9'],
  ],
  [
    'a neighbour that was only heard',
    { neighbours: [{ ip: '10.0.0.2', mac: '02:00:00:00:00:02', permanent: false }] },
    ['add neighbour 10.0.0.2 at 02:00:00:00:00:02 permanent'],
  ],
  [
    'neighbours nobody wants: a permanent one goes, one that was heard stays',
    {
      neighbours: [
        ...found.neighbours,
        { ip: '10.0.0.7', mac: '02:00:00:00:00:07', permanent: true },
        { ip: '10.0.0.8', mac: '02:00:00:00:00:08', permanent: false },
      ],
    },
    ['delete neighbour 10.0.0.7 at 02:00:00:00:00:07 permanent'],
  ],
];

for (const [what, difference, plan] of table) {
  t.test(what, async (t) => {
    t.same(planEnd(wanted, { ...found, ...difference }).map(describe), plan);
  });
}

t.test(
  'a new end: link-local addresses off and alias on before it comes up, routes after',
  async (t) => {
    t.same(planEnd(wanted, freshEnd(wanted, 7, 8)).map(describe), [
      'set link 7 alias wanwire:f:1 group 0 noLinkLocal',
      'set link 7 up',
      'add address 10.0.0.1/32',
      'add address fd00::1/128',
      'add route 10.0.0.2/32',
      'add route 10.1.0.0/16 via 10.0.0.2',
      'add neighbour 10.0.0.2 at 02:00:00:00:00:02 permanent',
    ]);
  },
);

/** How the metrics are wished, how the routes are found, and what is then done. */
const metrics: readonly [string, Partial<WantedEnd>, Partial<FoundEnd>, readonly string[]][] = [
  [
    'a metric: each route has it',
    { metric: 2 },
    { routes: [] },
    ['add route 10.0.0.2/32 metric 2', 'add route 10.1.0.0/16 via 10.0.0.2 metric 2'],
  ],
  [
    'another metric: the new routes are there before the old ones go',
    { metric: 1, routes: [{ to: '10.0.0.2/32' }] },
    { routes: [{ to: '10.0.0.2/32', metric: 3 }] },
    ['add route 10.0.0.2/32 metric 1', 'delete route 10.0.0.2/32 metric 3'],
  ],
  [
    'the same metric: nothing',
    { metric: 1, routes: [{ to: '10.0.0.2/32' }] },
    { routes: [{ to: '10.0.0.2/32', metric: 1 }] },
    [],
  ],
  [
    'spare, nobody else goes there: none',
    { metric: 'spare' },
    { routes: [], taken: [] },
    ['add route 10.0.0.2/32', 'add route 10.1.0.0/16 via 10.0.0.2'],
  ],
  [
    'spare, others go there: behind all that are preferred, by the index',
    { metric: 'spare' },
    { routes: [], taken: ['10.1.0.0/16', '10.2.0.0/16'] },
    ['add route 10.0.0.2/32', 'add route 10.1.0.0/16 via 10.0.0.2 metric 107'],
  ],
  [
    'spare: what stands is kept, before others and behind them',
    { metric: 'spare' },
    {
      routes: [{ to: '10.0.0.2/32' }, { to: '10.1.0.0/16', via: '10.0.0.2', metric: 107 }],
      taken: ['10.0.0.2/32'],
    },
    [],
  ],
];
for (const [what, wish, difference, plan] of metrics) {
  t.test(what, async (t) => {
    const end = { ...found, ...difference };
    t.same(planEnd({ ...wanted, ...wish }, end).map(describe), plan);
  });
}

t.test('others are looked for only where a way is new and its metric anybody’s', async (t) => {
  const spare: WantedEnd = { ...wanted, metric: 'spare' };
  const none = { ...found, routes: [] };
  t.ok(mustLookBeside(spare, none));
  t.notOk(mustLookBeside(spare, found), 'all stand');
  t.notOk(mustLookBeside({ ...wanted, metric: 0 }, none), 'it is said');
  const [toTheOther] = wanted.routes.filter(({ via }) => via === undefined);
  t.notOk(mustLookBeside({ ...spare, routes: toTheOther ? [toTheOther] : [] }, none));
});

t.test('a loose filter of sources, set with the rest and once', async (t) => {
  const loose = { ...wanted, looseFilter: true, routes: [], addresses: [], neighbours: [] };
  t.same(planEnd(loose, freshEnd(loose, 7, 8)).map(describe), [
    'set link 7 alias wanwire:f:1 group 0 looseFilter',
    'set link 7 up',
  ]);
  t.same(planEnd(loose, { ...found, routes: [], neighbours: [], looseFilter: true }), []);
});

t.test('without addresses of our own the interface is left to the user', async (t) => {
  const bare = { ...wanted, addresses: [] };
  const used = { ...found, autoLinkLocal: true, addresses: ['192.0.2.1/24'] };
  t.same(planEnd(bare, used), []);
});

t.test(
  'a neighbour that is wanted as heard is content with a permanent one of its MAC',
  async (t) => {
    const heard = [{ ip: '10.0.0.2', mac: '02:00:00:00:00:02', permanent: false }];
    const plan = planEnd({ ...wanted, neighbours: heard }, found);
    t.same(plan.map(describe), []);
  },
);
