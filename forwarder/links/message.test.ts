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
