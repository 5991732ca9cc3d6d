// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import {
  contains,
  formatAddress,
  formatHost,
  merged,
  overlaps,
  parsePrefix,
  prefixesOf,
} from './prefix.js';

const parse = (text: string) => parsePrefix(text, 'field');

t.test('texts', async (t) => {
  t.same(parse('172.16.1.100/31'), { bits: 32, first: 0xac100164n, last: 0xac100165n });
  t.same(parse('172.16.1.101/24'), { bits: 32, first: 0xac100100n, last: 0xac1001ffn });
  t.same(parse('0.0.0.0/0'), { bits: 32, first: 0n, last: 0xffffffffn });
  t.same(parse('10.0.0.1'), { bits: 32, first: 0x0a000001n, last: 0x0a000001n });
  t.same(parse('fd00::/126'), { bits: 128, first: 0xfdn << 120n, last: (0xfdn << 120n) | 3n });
  t.equal(formatHost(parse('172.16.1.100').first, 32), '172.16.1.100/32');
  t.equal(formatHost(parse('2001:0db8:0:0::00f').first, 128), '2001:db8::f/128');
  t.equal(formatAddress(0n, 32), '0.0.0.0');
  t.equal(formatAddress(0n, 128), '::');
  t.equal(formatAddress((1n << 128n) - 1n, 128), 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff');
});

t.test('what is no prefix is named with its field', async (t) => {
  const bad = ['', '/', '10.0.0.0/', '10.0.0.0/33', 'fd00::/129', '10.0.0.0/8/8', '10.0.0.0/-1'];
  const odd = ['10.0.0/8', '0x7f.1', '127.1', 'fe80::1%eth0/64', '10.0.0.0/1e1', 'x', '256.0.0.1'];
  for (const text of [...bad, ...odd]) {
    t.throws(() => parse(text), { code: 3, message: `field: ${JSON.stringify(text)}` }, text);
  }
});

t.test('containing and overlapping', async (t) => {
  t.equal(contains(parse('10.0.0.0/8'), parse('10.1.0.0/16')), true);
  t.equal(contains(parse('10.1.0.0/16'), parse('10.0.0.0/8')), false);
  t.equal(contains(parse('10.0.0.0/8'), parse('11.0.0.0/8')), false);
  t.equal(contains(parse('0.0.0.0/0'), parse('::a00:1')), false, 'families do not mix');
  t.equal(overlaps(parse('10.1.0.0/16'), parse('10.0.0.0/8')), true);
  t.equal(overlaps(parse('10.1.0.0/16'), parse('10.2.0.0/16')), false);
});

t.test('merging', async (t) => {
  const range = (first: bigint, last: bigint) => ({ first, last });
  t.same(merged([]), []);
  t.same(merged([range(8n, 9n), range(1n, 3n), range(2n, 5n), range(6n, 6n), range(1n, 1n)]), [
    range(1n, 6n),
    range(8n, 9n),
  ]);
});

t.test('the fewest prefixes for a set of ranges', async (t) => {
  const of = (...texts: string[]) => prefixesOf(texts.map(parse), 32);
  t.same(of('10.0.0.1', '10.0.0.0', '10.0.0.2', '10.0.0.3'), ['10.0.0.0/30']);
  t.same(of('10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.9'), [
    '10.0.0.1/32',
    '10.0.0.2/31',
    '10.0.0.9/32',
  ]);
  t.same(of('0.0.0.0/0'), ['0.0.0.0/0']);
  t.same(prefixesOf([parse('::/0')], 128), ['::/0']);
  t.same(of(), []);
});
