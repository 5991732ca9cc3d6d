// SPDX-License-Identifier: Apache-2.0
import { status } from '@grpc/grpc-js';
import t from 'tap';
import { Connection } from '../../../api/gen/connection.js';
import { kernelFacets } from '../../chain.js';
import { macsOf, type Socket, type Wish } from './side.js';
import { wishOf } from './wish.js';

const client: Socket = {
  place: { id: { dev: 4n, ino: 1n }, path: '/a' },
  name: 'nsm-1',
  field: 'a',
};
const endpoint: Socket = {
  place: { id: { dev: 4n, ino: 2n }, path: '/b' },
  name: 'nse-1',
  field: 'b',
};

interface Context {
  MTU?: number;
  ipContext?: {
    srcIpAddrs?: string[];
    dstIpAddrs?: string[];
    srcRoutes?: { prefix: string; nextHop?: string }[];
    dstRoutes?: { prefix: string; nextHop?: string }[];
    ipNeighbors?: { ip: string; hardwareAddress: string }[];
  };
}

interface More {
  id?: string;
  payload?: string;
  mechanism?: { parameters: Record<string, string> };
}

function wish(context: Context, more: More = {}): Wish {
  const connection = Connection.fromPartial({ id: 'id-1', payload: 'IP', context, ...more });
  return wishOf(connection, { forwarder: 'f', client, endpoint, facets: kernelFacets });
}

const macs = macsOf('id-1');

t.test('what a point-to-point endpoint answers, on both sides', async (t) => {
  const { client, endpoint } = wish({
    MTU: 1450,
    ipContext: {
      srcIpAddrs: ['172.16.0.1/32', 'fd00::1/128'],
      dstIpAddrs: ['172.16.0.0/32', 'fd00::/128'],
      srcRoutes: [{ prefix: '172.16.0.0/32' }, { prefix: '10.0.0.0/8' }, { prefix: '::/0' }],
      dstRoutes: [{ prefix: '172.16.0.1/32' }],
    },
  });
  const settings = { 'net/ipv4/ping_group_range': '0 2147483647' };
  const common = { alias: 'wanwire:f:id-1', mtu: 1450, settings };
  t.match(client.wanted, { ...common, name: 'nsm-1', mac: macs.client });
  t.same(client.wanted.addresses.slice(0, 2), ['172.16.0.1/32', 'fd00::1/128']);
  t.match(client.wanted.addresses[2], /^fe80::.*\/64$/);
  t.same(client.wanted.routes, [
    { to: '172.16.0.0/32' },
    { to: 'fd00::/128' },
    { to: '10.0.0.0/8', via: '172.16.0.0' },
    { to: '::/0', via: 'fd00::' },
  ]);
  t.same(client.wanted.neighbours, [
    { ip: '172.16.0.0', mac: macs.endpoint, permanent: true },
    { ip: 'fd00::', mac: macs.endpoint, permanent: true },
  ]);
  t.match(endpoint.wanted, { ...common, name: 'nse-1', mac: macs.endpoint });
  t.same(endpoint.wanted.routes, [{ to: '172.16.0.1/32' }, { to: 'fd00::1/128' }]);
  t.same(endpoint.wanted.neighbours[0], { ip: '172.16.0.1', mac: macs.client, permanent: true });
});

t.test('the client says the metric of its routes, a stock one does not', async (t) => {
  const parameters = { 'wanwire.metric': '2' };
  const said = wish({}, { mechanism: { parameters } });
  t.match(said.client.wanted, { metric: 2, looseFilter: true });
  t.match(said.endpoint.wanted, { metric: 0, looseFilter: false });
  t.match(wish({}).client.wanted, { metric: 'spare', looseFilter: true });
});

t.test('addresses of one network need no route to each other', async (t) => {
  const ipContext = { srcIpAddrs: ['10.0.0.2/24'], dstIpAddrs: ['10.0.0.1/24'] };
  t.same(wish({ ipContext }).client.wanted.routes, []);
});

t.test('a next hop that is given is taken; one to itself is none', async (t) => {
  const srcRoutes = [
    { prefix: '10.1.2.3/16', nextHop: '10.0.0.9' },
    { prefix: '10.0.0.7/32', nextHop: '10.0.0.7' },
  ];
  const ipContext = { srcIpAddrs: ['10.0.0.2/24'], dstIpAddrs: ['10.0.0.1/24'], srcRoutes };
  t.same(wish({ ipContext }).client.wanted.routes, [
    { to: '10.1.0.0/16', via: '10.0.0.9' },
    { to: '10.0.0.7/32' },
  ]);
});

t.test('a route of a family without an address on the other side goes by the link', async (t) => {
  const srcRoutes = [{ prefix: 'fd00::/16' }];
  const ipContext = { srcIpAddrs: ['10.0.0.2/32'], dstIpAddrs: ['10.0.0.1/32'], srcRoutes };
  t.match(wish({ ipContext }).client.wanted.routes[1], { to: 'fd00::/16', via: undefined });
});

t.test(
  'payload ETHERNET has no permanent neighbours; told ones are set on both sides',
  async (t) => {
    const ipContext = {
      srcIpAddrs: ['10.0.0.2/24'],
      dstIpAddrs: ['10.0.0.1/24'],
      ipNeighbors: [{ ip: '10.0.0.5', hardwareAddress: '02:AA:00:00:00:05' }],
    };
    const told = [{ ip: '10.0.0.5', mac: '02:aa:00:00:00:05', permanent: false }];
    const { client, endpoint } = wish({ ipContext }, { payload: 'ETHERNET' });
    t.same(client.wanted.neighbours, told);
    t.same(endpoint.wanted.neighbours, told);
  },
);

t.test('no MTU is 9000, and MACs are unicast, local and always the same', async (t) => {
  t.equal(wish({}).client.wanted.mtu, 9000);
  t.match(macs.client, /^[0-9a-f][26ae](:[0-9a-f]{2}){5}$/);
  t.not(macs.client, macs.endpoint);
  t.match(macs.endpoint, /^[0-9a-f][26ae](:[0-9a-f]{2}){5}$/);
  t.same(macsOf('id-1'), macs);
  t.not(macsOf('id-2').client, macs.client);
});

const mistakes: Record<string, readonly [Context, RegExp]> = {
  'an address that is none': [
    { ipContext: { srcIpAddrs: ['10.0.0.1/32', '10.0.0'] } },
    /src_ip_addrs\[1\]: "10.0.0" is not valid: want an address/,
  ],
  'a prefix that is none': [
    { ipContext: { dstRoutes: [{ prefix: '10.0.0.0/40' }] } },
    /dst_routes\[0\].prefix: "10.0.0.0\/40" is not valid/,
  ],
  'a next hop of the other family': [
    { ipContext: { srcRoutes: [{ prefix: '10.0.0.0/8', nextHop: 'fd00::1' }] } },
    /src_routes\[0\].nextHop: "fd00::1" is not valid: want an address of the family of 10.0.0.0\/8/,
  ],
  'a neighbour without a MAC': [
    { ipContext: { ipNeighbors: [{ ip: '10.0.0.1', hardwareAddress: '02:00' }] } },
    /ip_neighbors\[0\].hardware_address: "02:00" is not valid/,
  ],
  'an MTU too small for IPv6': [
    { MTU: 1200, ipContext: { srcIpAddrs: ['fd00::1/128'] } },
    /context.MTU: 1200 is not valid: want 1280 to 65535 \(IPv6 needs 1280\)/,
  ],
  'an MTU too large': [{ MTU: 70_000 }, /context.MTU: 70000 is not valid: want 68 to 65535/],
};
for (const [what, [context, text]] of Object.entries(mistakes)) {
  t.test(what, async (t) => {
    t.throws(() => wish(context), { code: status.INVALID_ARGUMENT, message: text });
  });
}

t.test('an id that makes the alias too long', async (t) => {
  t.throws(() => wish({}, { id: 'x'.repeat(250) }), { message: /connection.id: .*want 245 bytes/ });
});
