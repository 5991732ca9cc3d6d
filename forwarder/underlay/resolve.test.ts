// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import type { SiteLink } from '../../api/site/types.js';
import { parsePrefix, type Prefix } from '../links/ip.js';
import type { Device, DeviceAddress, DeviceRoute } from './device.js';
import { hopTo, resolve } from './resolve.js';

const config: SiteLink = {
  name: 'fibre',
  device: 'wan0',
  addresses: [],
  gateways: [],
  network: 'internet',
  class: 'bulk',
  rateMbps: undefined,
  capGB: undefined,
  profile: 'fixed',
  quality: undefined,
  billing: 'flat',
  mtu: undefined,
  trusted: true,
};

const prefix = (text: string): Prefix => {
  const parsed = parsePrefix(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
};
const address = (text: string, isLasting = true): DeviceAddress => ({
  text: text.replace(/\/.*/, ''),
  prefix: prefix(text),
  isLasting,
});
const route = (to: string, via?: string, metric = 0): DeviceRoute => ({
  to: prefix(to),
  via,
  metric,
});

const device: Device = {
  index: 7,
  name: 'wan0',
  isSet: true,
  up: true,
  mtu: 1500,
  addresses: [
    address('169.254.3.3/16', false),
    address('192.0.2.2/24'),
    address('192.0.2.3/24'),
    address('fe80::1/64', false),
    address('2001:db8::7/64', false),
    address('2001:db8::2/64'),
  ],
  routes: [
    route('0.0.0.0/0', '192.0.2.9', 100),
    route('0.0.0.0/0', '192.0.2.1', 50),
    route('192.0.2.0/24'),
    route('10.0.0.0/8', '192.0.2.5'),
    route('10.1.0.0/16', '192.0.2.6', 9),
    route('::/0', 'fe80::9', 1024),
  ],
};

t.test(
  'where the file names nothing: the first lasting addresses, the best default routes',
  async (t) => {
    t.same(resolve(3, config, device, [], undefined), {
      id: 3,
      config,
      ifindex: 7,
      up: true,
      addresses: { v4: '192.0.2.2', v6: '2001:db8::2' },
      gateways: { v4: '192.0.2.1', v6: 'fe80::9' },
      mtu: 1500,
    });
  },
);

t.test("the file's words count, as far as they are so", async (t) => {
  const said = {
    ...config,
    addresses: ['192.0.2.3', '2001:db8::99'],
    gateways: ['192.0.2.7'],
    mtu: 1400,
  };
  t.match(resolve(1, said, device, [], undefined), {
    addresses: { v4: '192.0.2.3', v6: undefined },
    gateways: { v4: '192.0.2.7', v6: 'fe80::9' },
    mtu: 1400,
  });
  t.match(resolve(1, { ...said, mtu: 9000 }, device, [], undefined), { mtu: 1500 });
  const roaming = [address('2001:db8::99/128')];
  t.match(
    resolve(1, said, device, roaming, undefined),
    { addresses: { v4: '192.0.2.3', v6: '2001:db8::99' } },
    'an address of the loopback device may be used by any link',
  );
});

t.test('a device that is down or gone: what it said last', async (t) => {
  const before = resolve(1, config, device, [], undefined);
  const { addresses, gateways, mtu } = before;
  const down = { ...device, up: false, isSet: false, addresses: [], routes: [] };
  const then = resolve(1, config, down, [], before);
  t.match(then, { ifindex: 7, up: false, addresses, gateways, mtu });
  const gone = resolve(1, config, undefined, [], then);
  t.match(gone, { ifindex: 0, up: false, addresses, gateways, mtu });

  const back = { ...device, index: 9, addresses: [address('192.0.2.77/24')], routes: [] };
  t.match(
    resolve(1, config, back, [], gone),
    { ifindex: 9, up: true, addresses: { v4: '192.0.2.77', v6: undefined }, gateways: {} },
    'up again it says what is so',
  );
});

t.test('another device, or an address that the file names no more: nothing is kept', async (t) => {
  const before = resolve(1, config, device, [], undefined);
  const moved = { ...config, device: 'wan9' };
  t.match(resolve(1, moved, undefined, [], before), { addresses: {}, gateways: {}, mtu: 0 });
  t.same(resolve(1, moved, undefined, [], before).addresses, {});
  const renamed = { ...config, addresses: ['192.0.2.3'] };
  t.same(resolve(1, renamed, undefined, [], before).addresses, {});
});

t.test(
  'how an address is reached: the most exact route, the gateway else, or directly',
  async (t) => {
    const link = resolve(1, config, device, [], undefined);
    const hop = (to: string, of = device, gateways = link.gateways) =>
      hopTo(prefix(to), { gateways }, of).via;
    t.equal(hop('192.0.2.99'), undefined, 'in the network of the device');
    t.equal(hop('10.9.9.9'), '192.0.2.5', "by somebody's route");
    t.equal(hop('10.1.9.9'), '192.0.2.6', 'by the most exact of them');
    t.equal(hop('203.0.113.1'), '192.0.2.1', 'by the default route');
    t.equal(hop('203.0.113.1', device, { v4: '192.0.2.7' }), '192.0.2.7', "by the file's gateway");
    t.equal(hop('2001:db8:9::1'), 'fe80::9');
    const line = { ...device, routes: [] };
    t.equal(hop('203.0.113.1', line, {}), undefined, 'a line has no gateway');
    t.equal(hop('192.0.2.7', line, { v4: '192.0.2.7' }), undefined, 'the gateway itself');
  },
);
