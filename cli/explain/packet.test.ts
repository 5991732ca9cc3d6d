// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { status } from '@grpc/grpc-js';
import { WireError } from '../../api/errors/wire-error.js';
import { frameOf } from './frame.js';
import { parsePacket } from './packet.js';

const texts: readonly (readonly [text: string, wanted: object])[] = [
  [
    'tcp 172.16.0.3:40000 > 10.60.0.9:8000 dscp ef app=sip',
    {
      text: { protocol: 'tcp', source: '172.16.0.3:40000', destination: '10.60.0.9:8000' },
      family: 4,
      dscp: 46,
      labels: { app: 'sip' },
      assumedPort: undefined,
    },
  ],
  [
    '  udp  [fd00::3]:5060 to [2001:db8:60::9]:5060 tier=gold DSCP 12 app=a=b ',
    {
      text: { protocol: 'udp', source: '[fd00::3]:5060', destination: '[2001:db8:60::9]:5060' },
      family: 6,
      dscp: 12,
      labels: { tier: 'gold', app: 'a=b' },
    },
  ],
  [
    'TCP 172.16.0.3 -> 10.60.0.9:80 dscp=af11',
    { text: { source: '172.16.0.3:49152' }, dscp: 10, assumedPort: 49152, labels: {} },
  ],
  ['tcp fd00::3 > [fd01::1]:80', { text: { source: '[fd00::3]:49152' }, assumedPort: 49152 }],
  ['sctp [fd00::3] > [fd01::1]:80', { text: { source: '[fd00::3]:49152' }, assumedPort: 49152 }],
  ['icmp 172.16.0.3:7 > 10.60.0.9', { text: { source: '172.16.0.3:7' }, assumedPort: undefined }],
  ['icmpv6 fd00::3 > fd01::1', { family: 6, text: { source: 'fd00::3' } }],
  ['47 172.16.0.3 > 10.60.0.9', { text: { protocol: 'gre' }, assumedPort: undefined }],
];
for (const [text, wanted] of texts) t.match(parsePacket(text), wanted, text);

const mistakes: readonly (readonly [text: string, said: RegExp])[] = [
  ['', /packet: .*such as "tcp 172/],
  ['tcp 172.16.0.3 10.60.0.9:80', /packet: .*want such as/],
  ['tcp 172.16.0.3 >', /packet: .*want such as/],
  ['nonsense 172.16.0.3 > 10.60.0.9', /protocol: "nonsense" is not valid/],
  ['tcp 172.16.0.300:1 > 10.60.0.9:80', /source: .*want an address/],
  ['tcp 172.16.0.3:1 > 10.60.0.9', /destination: .*a port too/],
  ['tcp 172.16.0.3:1 > [fd00::1]:80', /destination: .*IPv4 address, as the source/],
  ['gre 172.16.0.3:1 > 10.60.0.9', /source: .*gre has none/],
  ['icmp fd00::3 > fd01::1', /protocol: .*icmpv6 for IPv6/],
  ['icmpv6 172.16.0.3 > 10.60.0.9', /protocol: .*icmp for IPv4/],
  ['ah fd00::3 > fd01::1', /protocol: .*behind the IPv6 headers/],
  ['tcp 172.16.0.3:1 > 10.60.0.9:80 dscp eff', /dscp: "eff" is not valid: want ef, af11/],
  ['tcp 172.16.0.3:1 > 10.60.0.9:80 dscp', /dscp: "" is not valid/],
  ['tcp 172.16.0.3:1 > 10.60.0.9:80 ef', /packet: "ef" is not valid: want dscp VALUE, or a label/],
];
for (const [text, said] of mistakes) {
  t.throws(() => parsePacket(text), { code: status.INVALID_ARGUMENT, message: said }, text);
  t.throws(() => parsePacket(text), WireError);
}

/** Behind the Ethernet header. */
const hex = (text: string): string => frameOf(parsePacket(text)).subarray(12).toString('hex');
t.equal(
  hex('tcp 172.16.0.3:40000 > 10.60.0.9:8000 dscp ef'),
  '0800' +
    '45b8002800000000' +
    '4006' +
    'c3c0' +
    'ac1000030a3c0009' +
    '9c401f40' +
    '0000000000000000' +
    '5002000000000000',
  'TCP over IPv4: a SYN, with the checksum of its header',
);
t.equal(
  hex('udp [fd00::3]:5060 > [2001:db8::9]:53 dscp cs1'),
  '86dd' +
    '62000000' +
    '00141140' +
    'fd000000000000000000000000000003' +
    '20010db8000000000000000000000009' +
    '13c40035' +
    '00140000' +
    '00'.repeat(12),
  'UDP over IPv6',
);
t.match(hex('icmp 172.16.0.3:7 > 10.60.0.9'), /^0800.{40}0800000000070000/, 'an echo, with its id');
t.match(hex('icmpv6 fd00::3 > fd01::1'), /^86dd.{80}8000000000000000/);
