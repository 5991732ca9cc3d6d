// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import type { TunnelNode } from '../mechanisms/vxlan/node.js';
import type { Link } from '../underlay/link.js';
import { addressBytes, strandsTo, tunnelMtu } from './strands.js';

function link(name: string, change: Partial<Link> & { network?: string } = {}): Link {
  const { network = 'internet', ...rest } = change;
  const config = {
    name,
    device: name,
    addresses: [],
    gateways: [],
    network,
    class: 'bulk',
    rateMbps: undefined,
    capGB: undefined,
    profile: 'fixed',
    quality: undefined,
    billing: 'flat',
    mtu: undefined,
    trusted: true,
  } as const;
  const addresses = { v4: '192.0.2.1', v6: '2001:db8::1' };
  return { id: 1, config, ifindex: 7, up: true, addresses, gateways: {}, mtu: 1500, ...rest };
}

const cloud: TunnelNode = {
  name: 'forwarder@cloud',
  site: 'cloud',
  port: 4790,
  links: [
    { name: 'a', network: 'internet', v4: '198.51.100.1', mtu: 1500 },
    { name: 'b', network: 'mpls', v6: '2001:db8:b::1', mtu: 9000 },
  ],
};

const text = (peer: TunnelNode, ...links: Link[]): string[] =>
  strandsTo(peer, links).map(({ name, local, remote, mtu, down }) =>
    [name, local, remote, mtu, down].join(' '),
  );

t.test('links of one network are paired, in the family that both have', (t) => {
  t.same(text(cloud, link('lte'), link('fibre', { network: 'mpls', mtu: 9000 })), [
    'fibre-cloud/b 2001:db8::1 2001:db8:b::1 8930 0',
    'lte-cloud/a 192.0.2.1 198.51.100.1 1450 0',
  ]);
  t.same(text(cloud, link('x', { network: 'elsewhere' })), []);
  t.same(text(cloud, link('x', { addresses: { v6: '2001:db8::1' } })), [], 'no family in common');
  t.end();
});

t.test('several links to one address are several strands', (t) => {
  t.same(text(cloud, link('one'), link('two')), [
    'one-cloud/a 192.0.2.1 198.51.100.1 1450 0',
    'two-cloud/a 192.0.2.1 198.51.100.1 1450 0',
  ]);
  t.end();
});

t.test('what cannot be used says why', (t) => {
  t.match(text(cloud, link('x', { up: false })), [/ 1$/]);
  t.match(text(cloud, link('x', { mtu: 1329 })), [/ 1279 8$/], 'too small for IPv6');
  t.match(text(cloud, link('x', { mtu: 1330 })), [/ 1280 0$/]);
  t.end();
});

t.test('a stock peer is reached by any network', (t) => {
  const stock = { ...cloud, stock: true, links: [{ ...cloud.links[0], network: '' }] };
  t.equal(text(stock as TunnelNode, link('x', { network: 'mpls' })).length, 1);
  t.end();
});

t.test('the MTU of a tunnel is that of the smallest link that can be used', (t) => {
  t.equal(
    tunnelMtu([
      { v4: 'x', mtu: 1500 },
      { v6: 'x', mtu: 1400 },
    ]),
    1330,
  );
  t.equal(
    tunnelMtu([
      { v4: 'x', mtu: 1500 },
      { v4: 'x', mtu: 1280 },
    ]),
    1450,
  );
  t.equal(tunnelMtu([{ mtu: 1500 }]), undefined);
  t.equal(tunnelMtu([{ v4: 'x', mtu: 1329 }]), undefined);
  t.end();
});

t.test('addresses are 16 bytes', (t) => {
  t.equal(Buffer.from(addressBytes('192.0.2.1')).toString('hex'), `${'0'.repeat(20)}ffffc0000201`);
  t.equal(Buffer.from(addressBytes('2001:db8::1')).toString('hex'), `20010db8${'0'.repeat(23)}1`);
  t.end();
});
