// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { encode } from './batch.js';
import { message } from './message.js';
import type { Operation } from './operation.js';

/** As the kernel's headers say (little-endian), attributes one a line after the fixed part. */
const table: readonly [Operation, number, number, readonly string[]][] = [
  [
    { op: 'set-link', index: 7, change: { mtu: 1400, alias: 'a', group: 3 } },
    19,
    0x5,
    [
      '00000000 07000000 00000000 00000000',
      '08000400 78050000',
      '06001400 6100 0000',
      '08001b00 03000000',
    ],
  ],
  [
    { op: 'set-link', index: 7, change: { up: true } },
    19,
    0x5,
    ['00000000 07000000 01000000 01000000'],
  ],
  [
    { op: 'set-link', index: 7, change: { noLinkLocal: true } },
    19,
    0x5,
    // IFLA_AF_SPEC { AF_INET6 { IFLA_INET6_ADDR_GEN_MODE: none } }
    ['00000000 07000000 00000000 00000000', '0d001a00 09000a00 05000800 01'],
  ],
  [
    { op: 'set-link', index: 7, change: { looseFilter: true } },
    19,
    0x5,
    // IFLA_AF_SPEC { AF_INET { IFLA_INET_CONF { IPV4_DEVCONF_RP_FILTER: 2 } } }
    ['00000000 07000000 00000000 00000000', '14001a00 10000200 0c000100 08000800 02000000'],
  ],
  [{ op: 'delete-link', index: 7 }, 17, 0x5, ['00000000 07000000 00000000 00000000']],
  [
    { op: 'delete-group', group: 9 },
    17,
    0x5,
    ['00000000 00000000 00000000 00000000', '08001b00 09000000'],
  ],
  [
    { op: 'add-address', index: 7, address: '10.0.0.1/32' },
    20,
    0x505,
    ['02200000 07000000', '08000200 0a000001', '08000100 0a000001'],
  ],
  [
    // IFA_FLAGS: no duplicate detection; for a host no prefix route either
    { op: 'add-address', index: 7, address: 'fd00::1/128' },
    20,
    0x505,
    [
      '0a800000 07000000',
      '14000200 fd000000000000000000000000000001',
      '14000100 fd000000000000000000000000000001',
      '08000800 02020000',
    ],
  ],
  [
    { op: 'delete-address', index: 7, address: '10.0.0.1/8' },
    21,
    0x5,
    ['02080000 07000000', '08000200 0a000001', '08000100 0a000001'],
  ],
  [
    // main table, protocol 87, scope link
    { op: 'add-route', index: 7, route: { to: '10.2.0.0/16' } },
    24,
    0x405,
    ['02100000 fe57fd01 00000000', '08000100 0a020000', '08000400 07000000'],
  ],
  [
    // RTA_PRIORITY
    { op: 'add-route', index: 7, route: { to: '10.2.0.0/16', metric: 3 } },
    24,
    0x405,
    ['02100000 fe57fd01 00000000', '08000100 0a020000', '08000400 07000000', '08000600 03000000'],
  ],
  [
    // before the 1024 of others
    { op: 'add-route', index: 7, route: { to: 'fd00::/64', metric: 3 } },
    24,
    0x405,
    [
      '0a400000 fe570001 00000000',
      '14000100 fd000000000000000000000000000000',
      '08000400 07000000',
      '08000600 03020000',
    ],
  ],
  [
    // on-link gateway of the default route
    { op: 'add-route', index: 7, route: { to: '0.0.0.0/0', via: '10.0.0.2' } },
    24,
    0x405,
    ['02000000 fe570001 04000000', '08000400 07000000', '08000500 0a000002'],
  ],
  [
    { op: 'delete-route', index: 7, route: { to: 'fd00::/64' } },
    25,
    0x5,
    [
      '0a400000 fe570001 00000000',
      '14000100 fd000000000000000000000000000000',
      '08000400 07000000',
      '08000600 00020000',
    ],
  ],
  [
    {
      op: 'add-neighbour',
      index: 7,
      neighbour: { ip: '10.0.0.2', mac: '02:00:00:00:00:02', permanent: true },
    },
    28,
    0x505,
    [
      '02000000 07000000 80000000',
      '08000100 0a000002',
      '0a000200 020000000002 0000',
      '05000c00 57',
    ],
  ],
  [
    {
      op: 'delete-neighbour',
      index: 7,
      neighbour: { ip: '10.0.0.2', mac: '02:00:00:00:00:02', permanent: false },
    },
    29,
    0x5,
    [
      '02000000 07000000 02000000',
      '08000100 0a000002',
      '0a000200 020000000002 0000',
      '05000c00 57',
    ],
  ],
  [
    // IFLA_LINKINFO vxlan { COLLECT_METADATA, LEARNING off, PORT 4790 (big-endian), UDP_ZERO_CSUM6_RX }
    { op: 'add-vxlan', device: { name: 'v', port: 4790, mtu: 65485 } },
    16,
    0x605,
    [
      '00000000 00000000 00000000 00000000',
      '06000300 7600 0000',
      '08000400 cdff0000',
      '31001200 0a000100 7678 6c616e00 0000 21000200',
      '05001900 01000000 05000700 00000000 06000f00 12b6 0000 05001400 01',
    ],
  ],
  [
    // RTA_TABLE beside the eight bits of rtmsg, protocol 88, on-link gateway
    {
      op: 'add-host-route',
      route: { table: 8701, to: '203.0.113.1/32', index: 7, via: '192.0.2.1', metric: 0 },
    },
    24,
    0x405,
    [
      '02200000 00580001 04000000',
      '08000100 cb007101',
      '08000f00 fd210000',
      '08000400 07000000',
      '08000500 c0000201',
    ],
  ],
  [
    // scope link, since nothing is between
    { op: 'add-host-route', route: { table: 254, to: '203.0.113.1/32', index: 7, metric: 0 } },
    24,
    0x405,
    ['02200000 0058fd01 00000000', '08000100 cb007101', '08000f00 fe000000', '08000400 07000000'],
  ],
  [
    { op: 'add-host-route', route: { table: 254, to: '203.0.113.1/32', index: 0, metric: 87 } },
    24,
    0x405,
    ['02200000 00580007 00000000', '08000100 cb007101', '08000f00 fe000000', '08000600 57000000'],
  ],
  [
    // RTN_UNREACHABLE
    { op: 'delete-host-route', route: { table: 254, to: '2001:db8::1/128', index: 0, metric: 88 } },
    25,
    0x5,
    [
      '0a800000 00580007 00000000',
      '14000100 20010db8000000000000000000000001',
      '08000f00 fe000000',
      '08000600 58000000',
    ],
  ],
  [
    // FR_ACT_TO_TBL, FRA_PROTOCOL 88
    { op: 'add-source-rule', rule: { from: '192.0.2.2/32', table: 8701, priority: 8700 } },
    32,
    0x405,
    [
      '02002000 00000001 00000000',
      '08000200 c0000202',
      '08000f00 fd210000',
      '08000600 fc210000',
      '05001500 58',
    ],
  ],
  [
    { op: 'delete-source-rule', rule: { from: '192.0.2.2/32', table: 8701, priority: 8700 } },
    33,
    0x5,
    [
      '02002000 00000001 00000000',
      '08000200 c0000202',
      '08000f00 fd210000',
      '08000600 fc210000',
      '05001500 58',
    ],
  ],
];

for (const [operation, type, flags, hex] of table) {
  t.test(JSON.stringify(operation), async (t) => {
    const sent = message(operation);
    t.equal(sent.type, type);
    t.equal(sent.flags, flags);
    t.equal(Buffer.concat(sent.body).toString('hex'), hex.join('').replaceAll(' ', ''));
  });
}

t.test('a veth is made in both namespaces at once, exclusively', async (t) => {
  const near = { index: 10, name: 'a', mac: '02:00:00:00:00:01', mtu: 9000 };
  const far = { index: 11, name: 'b', mac: '02:00:00:00:00:02', mtu: 9000 };
  const { type, flags, body } = message({ op: 'add-veth', near, far }, 33);
  t.equal(type, 16);
  t.equal(flags, 0x605);
  const peer = [
    '00000000 0b000000 00000000 00000000',
    '06000300 6200 0000',
    '0a000100 020000000002 0000',
    '08000400 28230000',
    '08001c00 21000000', // the far namespace, by descriptor
  ].join('');
  const hex = [
    '00000000 0a000000 00000000 00000000',
    '06000300 6100 0000',
    '0a000100 020000000001 0000',
    '08000400 28230000',
    '4c001200 09000100 7665746800 000000 3c000200 38000100',
    peer,
  ].join('');
  t.equal(Buffer.concat(body).toString('hex'), hex.replaceAll(' ', ''));
});

t.test('messages of a batch are numbered from one, and aligned', async (t) => {
  const bytes = encode([
    message({ op: 'set-link', index: 7, change: { noLinkLocal: true } }), // 29 bytes
    message({ op: 'delete-link', index: 7 }),
  ]);
  t.equal(bytes.readUInt32LE(0), 16 + 29);
  t.equal(bytes.readUInt32LE(8), 1);
  t.equal(bytes.readUInt32LE(48), 32);
  t.equal(bytes.readUInt32LE(48 + 8), 2);
  t.equal(bytes.length, 48 + 32);
});
