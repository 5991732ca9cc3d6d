// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { describe, hostRouteText, sourceRuleText } from '../links/operation.js';
import { parsePrefix } from '../links/ip.js';
import type { Device } from './device.js';
import type { Link } from './link.js';
import { planSteering, steeringOf, type Placed, type Way } from './ways.js';

const numbers = { firstTable: 8700, rulePriority: 8700 };

function placed(id: number, said: Partial<Device> & { gateway?: string } = {}): [number, Placed] {
  const { gateway, ...rest } = said;
  const gateways = gateway === undefined ? {} : { v4: gateway, v6: 'fe80::1' };
  const device = { index: 10 + id, name: '', isSet: true, up: true, mtu: 0 };
  const link = { id, gateways } as unknown as Link;
  return [id, { link, device: { ...device, addresses: [], routes: [], ...rest } }];
}

const two = new Map([placed(1, { gateway: '192.0.2.1' }), placed(2)]);
const way = (id: number, local: string, remote: string): Way => ({ link: { id }, local, remote });

function texts(ways: readonly Way[], links = two) {
  const { routing, routes, rules } = steeringOf(ways, links, numbers);
  return { routing, routes: routes.map(hostRouteText), rules: rules.map(sourceRuleText) };
}

t.test('nothing to steer', async (t) => {
  t.same(texts([]), { routing: 'none', routes: [], rules: [] });
  t.same(texts([way(9, '10.0.0.1', '10.0.0.2')]).routing, 'none', 'a link that is not known');
});

t.test('addresses of one link each: routes for them alone, before a way to nowhere', async (t) => {
  const ways = [
    way(1, '192.0.2.2', '203.0.113.1'),
    way(2, '198.51.100.2', '203.0.113.2'),
    way(2, '2001:db8::2', '2001:db8::9'),
  ];
  t.same(texts(ways), {
    routing: 'host-routes',
    routes: [
      '203.0.113.1/32 unreachable metric 87 table 254',
      '203.0.113.1/32 link 11 via 192.0.2.1 metric 0 table 254',
      '203.0.113.2/32 unreachable metric 87 table 254',
      '203.0.113.2/32 link 12 metric 0 table 254',
      '2001:db8::9/128 unreachable metric 88 table 254',
      '2001:db8::9/128 link 12 metric 87 table 254',
    ],
    rules: [],
  });
});

t.test('one address that two links reach: a rule and a table for each', async (t) => {
  const ways = [
    way(1, '192.0.2.2', '203.0.113.1'),
    way(2, '198.51.100.2', '203.0.113.1'),
    way(2, '198.51.100.2', '203.0.113.7'),
  ];
  t.same(texts(ways), {
    routing: 'source-rules',
    routes: [
      '203.0.113.1/32 unreachable metric 87 table 8701',
      '203.0.113.1/32 link 11 via 192.0.2.1 metric 0 table 8701',
      '203.0.113.1/32 unreachable metric 87 table 8702',
      '203.0.113.1/32 link 12 metric 0 table 8702',
      '203.0.113.7/32 unreachable metric 87 table 254',
      '203.0.113.7/32 link 12 metric 0 table 254',
    ],
    rules: ['8700: from 192.0.2.2/32 table 8701', '8700: from 198.51.100.2/32 table 8702'],
  });
});

t.test('two pairs of one link to one address share it', async (t) => {
  const ways = [way(1, '192.0.2.2', '203.0.113.1'), way(1, '192.0.2.3', '203.0.113.1')];
  t.match(texts(ways), { routing: 'host-routes', routes: { length: 2 } });
});

t.test('a device that is gone or not set up: only the way to nowhere', async (t) => {
  const ways = [way(1, '192.0.2.2', '203.0.113.1'), way(2, '198.51.100.2', '203.0.113.2')];
  const [, { link }] = placed(1);
  const links = new Map<number, Placed>([
    [1, { link, device: undefined }],
    placed(2, { isSet: false }),
  ]);
  t.same(texts(ways, links).routes, [
    '203.0.113.1/32 unreachable metric 87 table 254',
    '203.0.113.2/32 unreachable metric 87 table 254',
  ]);
});

t.test(
  'a plan takes nothing before its substitute is there, and the same again is empty',
  async (t) => {
    const apart = [way(1, '192.0.2.2', '203.0.113.1')];
    const shared = [...apart, way(2, '198.51.100.2', '203.0.113.1')];
    const [before, after] = [apart, shared].map((ways) => steeringOf(ways, two, numbers));
    if (before === undefined || after === undefined) throw new Error('no steering');
    t.same(planSteering(after, after), []);
    t.same(planSteering(after, before).map(describe), [
      'add host route 203.0.113.1/32 unreachable metric 87 table 8701',
      'add host route 203.0.113.1/32 link 11 via 192.0.2.1 metric 0 table 8701',
      'add host route 203.0.113.1/32 unreachable metric 87 table 8702',
      'add host route 203.0.113.1/32 link 12 metric 0 table 8702',
      'add source rule 8700: from 192.0.2.2/32 table 8701',
      'add source rule 8700: from 198.51.100.2/32 table 8702',
      'delete host route 203.0.113.1/32 unreachable metric 87 table 254',
      'delete host route 203.0.113.1/32 link 11 via 192.0.2.1 metric 0 table 254',
    ]);
  },
);

t.test('a route of others that is more exact than the gateway is taken', async (t) => {
  const to = parsePrefix('203.0.113.0/24');
  if (to === undefined) throw new Error('no prefix');
  const routes = [{ to, via: '192.0.2.9', metric: 0 }];
  const links = new Map([placed(1, { gateway: '192.0.2.1', routes })]);
  t.match(texts([way(1, '192.0.2.2', '203.0.113.1')], links).routes, [
    String,
    '203.0.113.1/32 link 11 via 192.0.2.9 metric 0 table 254',
  ]);
});
