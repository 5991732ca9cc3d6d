// SPDX-License-Identifier: Apache-2.0
import { status } from '@grpc/grpc-js';
import t from 'tap';
import { formatGatewayWish, parseGatewayWish } from './wish.js';

t.test('canonical: sorted, without host bits and doubles, defaults filled in', async (t) => {
  const wish = parseGatewayWish('{"prefixes": ["fd00::1/64", "172.16.9.9/16", "172.16.0.0/16"]}');
  t.same(wish, { prefixes: ['172.16.0.0/16', 'fd00::/64'], nat: false, routes: [] });
  t.same(parseGatewayWish(formatGatewayWish(wish)), wish);
});

t.test('a default route may be told', async (t) => {
  const wish = parseGatewayWish('{"prefixes": ["172.16.0.0/16"], "nat": true, "routes": ["::/0"]}');
  t.same(wish.routes, ['::/0']);
});

const wrong: readonly [string, string, RegExp][] = [
  ['no JSON', 'yes', /^wanwire\.gateway: "yes" is not valid: want JSON such as/],
  ['no object', '[]', /^wanwire\.gateway: "\[\]" is not valid: want JSON such as/],
  ['nothing in it', '{}', /^wanwire\.gateway\.prefixes: /],
  ['no prefixes', '{"prefixes": []}', /^wanwire\.gateway\.prefixes: /],
  [
    'a prefix that is none',
    '{"prefixes": ["10.0.0.0/33"]}',
    /^wanwire\.gateway\.prefixes\[0\]: "10\.0\.0\.0\/33" is not valid: want a prefix/,
  ],
  [
    'an address',
    '{"prefixes": ["10.0.0.1"]}',
    /^wanwire\.gateway\.prefixes\[0\]: "10\.0\.0\.1" is not valid/,
  ],
  [
    'all addresses as clients',
    '{"prefixes": ["10.0.0.0/8", "0.0.0.0/0"]}',
    /^wanwire\.gateway\.prefixes\[1\]: "0\.0\.0\.0\/0" .* not one of all addresses/,
  ],
  [
    'a route that is none',
    '{"prefixes": ["10.0.0.0/8"], "routes": ["x/8"]}',
    /^wanwire\.gateway\.routes\[0\]: "x\/8" is not valid: want a prefix/,
  ],
  ['nat that is none', '{"prefixes": ["10.0.0.0/8"], "nat": "no"}', /^wanwire\.gateway\.nat: /],
  [
    'an unknown field',
    '{"prefixes": ["10.0.0.0/8"], "masquerade": true}',
    /^wanwire\.gateway: .*masquerade/,
  ],
  [
    'too many',
    JSON.stringify({ prefixes: new Array(257).fill('10.0.0.0/8') }),
    /^wanwire\.gateway\.prefixes: /,
  ],
];

for (const [what, text, message] of wrong) {
  t.test(`${what}: refused with the field and what would be right`, async (t) => {
    t.throws(() => parseGatewayWish(text), { code: status.INVALID_ARGUMENT, message });
  });
}
