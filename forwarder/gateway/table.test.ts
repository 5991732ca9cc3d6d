// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { tableFor, tableName } from './table.js';
import { parseGatewayWish } from './wish.js';

const wish = (prefixes: readonly string[], nat = true) =>
  parseGatewayWish(JSON.stringify({ prefixes, nat }));

t.test('the table as nft reads it', async (t) => {
  const table = tableFor('wanwire_a', [
    wish(['172.16.0.0/16', 'fd00::/64']),
    wish(['10.9.0.0/16'], false),
  ]);
  t.equal(
    table?.text,
    `add table inet wanwire_a
delete table inet wanwire_a
table inet wanwire_a {
	comment "${table?.comment ?? ''}"
	set clients4 { type ipv4_addr; flags interval; auto-merge; elements = { 10.9.0.0/16, 172.16.0.0/16 }; }
	set nat4 { type ipv4_addr; flags interval; auto-merge; elements = { 172.16.0.0/16 }; }
	set clients6 { type ipv6_addr; flags interval; auto-merge; elements = { fd00::/64 }; }
	set nat6 { type ipv6_addr; flags interval; auto-merge; elements = { fd00::/64 }; }
	chain postrouting {
		type nat hook postrouting priority srcnat; policy accept;
		ip saddr @nat4 ip daddr != @clients4 oifname != "ww*" masquerade
		ip6 saddr @nat6 ip6 daddr != @clients6 oifname != "ww*" masquerade
	}
}
`,
  );
});

t.test('no table where nobody wishes NAT', async (t) => {
  t.equal(tableFor('x', []), undefined);
  t.equal(tableFor('x', [wish(['10.9.0.0/16'], false)]), undefined);
});

t.test(
  'the comment is the same for the same wishes in any order, and another for others',
  async (t) => {
    const [a, b] = [wish(['10.1.0.0/16']), wish(['10.2.0.0/16'])];
    const comment = tableFor('x', [a, b])?.comment;
    t.equal(tableFor('x', [b, a, a])?.comment, comment);
    t.not(tableFor('x', [a])?.comment, comment);
  },
);

t.test('names: distinct for distinct forwarders, and such as nft takes', async (t) => {
  t.equal(tableName('forwarder'), 'wanwire_forwarder');
  t.equal(tableName('a-b/c'), 'wanwire_a_2d_b_2f_c');
  t.not(tableName('a-b'), tableName('a.b'));
  t.ok(tableName('-'.repeat(300)).length < 255);
});
