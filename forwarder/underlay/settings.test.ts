// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { parsePrefix } from '../links/ip.js';
import type { Device } from './device.js';
import { settingsFor } from './settings.js';

function device(name: string, ...addresses: string[]): Device {
  return {
    index: 1,
    name,
    isSet: true,
    up: true,
    mtu: 1500,
    addresses: addresses.flatMap((text) => {
      const prefix = parsePrefix(text);
      return prefix === undefined ? [] : [{ text, prefix, isLasting: true }];
    }),
    routes: [],
  };
}

function written(devices: readonly Device[], present: Readonly<Record<string, string>>): string[] {
  return settingsFor(devices, (name) => present[name.replace(/^net\/ipv[46]\/conf\//, '')]).map(
    ({ name, value }) => `${name}=${value}`,
  );
}

const far = [device('wan0', '192.0.2.2/24'), device('wan1', '198.51.100.2/24', 'fd00::1/64')];

t.test('strict reverse paths are loosened where they count, and only for links', async (t) => {
  t.same(written(far, {}), []);
  t.same(written(far, { 'all/rp_filter': '0', 'wan1/rp_filter': '1' }), [
    'net/ipv4/conf/wan1/rp_filter=2',
  ]);
  t.same(written(far, { 'all/rp_filter': '1', 'wan0/rp_filter': '0', 'wan1/rp_filter': '2' }), [
    'net/ipv4/conf/wan0/rp_filter=2',
  ]);
  t.same(written(far, { 'all/rp_filter': '2', 'wan0/rp_filter': '1' }), []);
});

t.test('links beside each other in one network answer for their own addresses alone', async (t) => {
  const beside = [device('wan0', '192.0.2.2/24'), device('wan1', '192.0.2.3/24'), device('wan2')];
  t.same(written(beside, { 'wan1/arp_ignore': '1', 'wan1/arp_announce': '1' }), [
    'net/ipv4/conf/wan0/arp_ignore=1',
    'net/ipv4/conf/wan0/arp_announce=2',
    'net/ipv4/conf/wan1/arp_announce=2',
  ]);
  t.same(written(beside, { 'all/arp_ignore': '2', 'all/arp_announce': '2' }), []);
});

t.test('hosts and IPv6 have no ARP to be told apart by', async (t) => {
  t.same(written([device('wan0', '192.0.2.2/32'), device('wan1', '192.0.2.2/32')], {}), []);
  t.same(written([device('wan0', 'fd00::1/16'), device('wan1', 'fd00::2/16')], {}), []);
});

t.test('a silent IPv6 gateway is asked for every second', async (t) => {
  const name = 'router_probe_interval';
  t.same(written(far, { [`wan0/${name}`]: '60', [`wan1/${name}`]: '1' }), [
    `net/ipv6/conf/wan0/${name}=1`,
  ]);
  t.same(written(far, { [`wan0/${name}`]: '0' }), [], 'all the time is often enough');
});
