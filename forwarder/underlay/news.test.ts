// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { readNews } from './news.js';

/** A message as the kernel sends it: its type, then its body in hex, blanks ignored. */
function datagram(...messages: readonly (readonly [number, string])[]): Buffer {
  return Buffer.concat(
    messages.map(([type, hex]) => {
      const body = Buffer.from(hex.replaceAll(' ', ''), 'hex');
      const head = Buffer.alloc(16);
      head.writeUInt32LE(16 + body.length, 0);
      head.writeUInt16LE(type, 4);
      return Buffer.concat([head, body]);
    }),
  );
}

/** ifinfomsg of index 7 with these flags, and IFLA_IFNAME wan0. */
const link = (flags: string, family = '00') =>
  `${family}000100 07000000 ${flags} 00000000 09000300 77616e30 00000000`;

t.test('links: up is set up, with a carrier that may be used', async (t) => {
  const states: readonly [string, boolean][] = [
    ['43100100', true], // UP BROADCAST RUNNING MULTICAST LOWER_UP
    ['03100000', false], // UP, no carrier
    ['43100000', false], // UP RUNNING, no carrier, which nobody has looked at yet
    ['03100100', false], // UP LOWER_UP, and still dormant
    ['02100000', false], // down
  ];
  for (const [flags, up] of states) {
    const [news] = readNews(datagram([16, link(flags)]));
    t.same(news, { what: 'link', index: 7, name: 'wan0', up, gone: false }, flags);
  }
  t.same(readNews(datagram([17, link('43100100')])), [
    { what: 'link', index: 7, name: 'wan0', up: false, gone: true },
  ]);
  t.same(readNews(datagram([17, link('43100100', '07')])), [], 'a bridge lets a port go');
});

t.test('addresses and routes, by their devices', async (t) => {
  const news = readNews(
    datagram(
      [20, '02180000 07000000 08000200 c0000202'],
      [21, '02180000 08000000'],
      [24, '02180000 fe030001 00000000 08000100 0a000000 08000400 07000000'],
      // Two hops, of 16 and 8 bytes.
      [
        25,
        '02000000 fe030001 00000000 1c000900 10000000 07000000 08000500 c0000201 08000000 09000000',
      ],
    ),
  );
  t.same(news, [
    { what: 'address', index: 7 },
    { what: 'address', index: 8 },
    { what: 'route', indexes: [7] },
    { what: 'route', indexes: [7, 9] },
  ]);
});

t.test('ours are news when they are taken away', async (t) => {
  const ours = '02200000 fe580001 00000000 08000100 0a000001 08000400 07000000';
  t.same(readNews(datagram([24, ours])), []);
  t.same(readNews(datagram([25, ours])), [{ what: 'loss' }]);
  const rule = (protocol: string) => `02002000 00000001 00000000 05001500 ${protocol}000000`;
  t.same(readNews(datagram([33, rule('58')])), [{ what: 'loss' }]);
  t.same(readNews(datagram([33, rule('03')])), []);
  t.same(readNews(datagram([32, rule('58')])), []);
});

t.test('what is something else is nothing', async (t) => {
  t.same(readNews(datagram([28, '00000000'], [3, '00000000'])), []);
  t.same(readNews(Buffer.alloc(0)), []);
});
