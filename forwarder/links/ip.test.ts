// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { addressText, contains, host, network, parsePrefix, prefixText } from './ip.js';

function parsed(text: string) {
  const prefix = parsePrefix(text);
  if (prefix === undefined) throw new Error(`${text} is not taken`);
  return prefix;
}

t.test('a prefix is read and written in one way', async (t) => {
  const same: Record<string, string> = {
    '10.0.0.1/24': '10.0.0.1/24',
    '10.0.0.1': '10.0.0.1/32',
    '0.0.0.0/0': '0.0.0.0/0',
    'FD00:0:0:0:0:0:0:1/64': 'fd00::1/64',
    'fd00::': 'fd00::/128',
    '::/0': '::/0',
  };
  for (const [text, canonical] of Object.entries(same)) {
    t.equal(prefixText(parsed(text)), canonical, text);
  }
});

t.test('what is no prefix is refused', async (t) => {
  const bad = ['', '10.0.0', '10.0.0.1/33', '10.0.0.1/', '10.0.0.1/-1', '::1/129', '1/8', 'x'];
  for (const text of [...bad, '10.0.0.1/24/8', '0x7f.1', 'fe80::1%eth0/64', ' 10.0.0.1']) {
    t.equal(parsePrefix(text), undefined, text);
  }
});

t.test('host bits', async (t) => {
  t.equal(prefixText(network(parsed('10.1.2.3/12'))), '10.0.0.0/12');
  t.equal(prefixText(network(parsed('fd00::ff/121'))), 'fd00::80/121');
  t.equal(prefixText(network(parsed('10.1.2.3/0'))), '0.0.0.0/0');
  t.equal(prefixText(host(parsed('10.1.2.3/12'))), '10.1.2.3/32');
  t.equal(addressText(parsed('10.1.2.3/12').bytes), '10.1.2.3');
});

t.test('containment needs the family', async (t) => {
  t.ok(contains(parsed('10.0.0.0/8'), parsed('10.9.9.9/32')));
  t.notOk(contains(parsed('10.0.0.0/8'), parsed('11.0.0.1/32')));
  t.ok(contains(parsed('::/0'), parsed('fd00::1/128')));
  t.notOk(contains(parsed('0.0.0.0/0'), parsed('fd00::1/128')));
});
