// SPDX-License-Identifier: Apache-2.0
import { randomInt } from 'node:crypto';
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
    '::': '::/128',
    '::1': '::1/128',
    '1:0:0:2:0:0:0:3': '1:0:0:2::3/128',
    '1:0:2:3:4:5:6:7': '1:0:2:3:4:5:6:7/128',
    '2001:db8::0:1:0:0:1': '2001:db8::1:0:0:1/128',
    '64:ff9b::192.0.2.1/96': '64:ff9b::c000:201/96',
    '::/0': '::/0',
  };
  for (const [text, canonical] of Object.entries(same)) {
    t.equal(prefixText(parsed(text)), canonical, text);
  }
});

t.test('what is no prefix is refused', async (t) => {
  const bad = [
    '',
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1::2:3:4:5:6:7:8',
    'g::',
    '10.0.0',
    '10.0.0.1/33',
    '10.0.0.1/',
    '10.0.0.1/-1',
    '::1/129',
    '1/8',
    'x',
  ];
  for (const text of [
    ...bad,
    '10.0.0.1/24/8',
    '0x7f.1',
    '010.0.0.1',
    '10.0.0.256',
    '::1.2.3',
    '1.2.3.4::',
    '12345::',
    'fe80::1%eth0/64',
    ' 10.0.0.1',
  ]) {
    t.equal(parsePrefix(text), undefined, text);
  }
});

t.test('what is read and written is what Node reads and writes', async (t) => {
  const wrong: string[] = [];
  for (let n = 0; n < 2_000; n++) {
    const groups = Array.from({ length: 8 }, () => (randomInt(5) < 3 ? 0 : randomInt(1 << 16)));
    const long = groups.map((group) => group.toString(16)).join(':');
    const text = addressText(parsed(long).bytes);
    if (text !== new URL(`http://[${long}]`).hostname.slice(1, -1)) wrong.push(long);
    if (!parsed(text).bytes.equals(parsed(long).bytes)) wrong.push(text);
  }
  t.same(wrong, []);
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
