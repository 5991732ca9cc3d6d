// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { forwardingFor } from './forwarding.js';
import { parseGatewayWish } from './wish.js';

const settings = (all: Readonly<Record<string, string>>) => ({
  read: (name: string) => all[name],
  list: (folder: string) => {
    const below = Object.keys(all).filter((name) => name.startsWith(`${folder}/`));
    return [...new Set(below.map((name) => name.slice(folder.length + 1).split('/')[0] ?? ''))];
  },
});
const wish = (...prefixes: string[]) => parseGatewayWish(JSON.stringify({ prefixes }));
const texts = (...args: Parameters<typeof forwardingFor>) =>
  forwardingFor(...args).map(({ name, value }) => `${name}=${value}`);

t.test('only the families that clients have', async (t) => {
  const off = settings({ 'net/ipv4/ip_forward': '0', 'net/ipv6/conf/all/forwarding': '0' });
  t.same(texts([], off), []);
  t.same(texts([wish('10.0.0.0/8')], off), ['net/ipv4/ip_forward=1']);
  t.same(texts([wish('fd00::/8')], off), ['net/ipv6/conf/all/forwarding=1']);
});

t.test('a router already: nothing is written', async (t) => {
  const on = settings({
    'net/ipv4/ip_forward': '1',
    'net/ipv6/conf/all/forwarding': '1',
    'net/ipv6/conf/wan0/accept_ra': '1',
  });
  t.same(texts([wish('10.0.0.0/8', 'fd00::/8')], on), []);
});

t.test('devices that learn from routers go on, told so before', async (t) => {
  const learning = settings({
    'net/ipv6/conf/all/accept_ra': '1',
    'net/ipv6/conf/all/forwarding': '0',
    'net/ipv6/conf/default/accept_ra': '1',
    'net/ipv6/conf/wan0/accept_ra': '1',
    'net/ipv6/conf/wan1/accept_ra': '0',
    'net/ipv6/conf/wan2/accept_ra': '2',
  });
  t.same(texts([wish('fd00::/8')], learning), [
    'net/ipv6/conf/wan0/accept_ra=2',
    'net/ipv6/conf/all/forwarding=1',
  ]);
});
