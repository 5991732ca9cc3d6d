// SPDX-License-Identifier: Apache-2.0
import ipaddr from 'ipaddr.js';
import t from 'tap';
import { addressText, flowText, parseFlow } from './flow.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

t.test('a session of IPv4: addresses are mapped, ports as on the wire', (t) => {
  const flow = { protocol: 'tcp', source: '172.16.0.1:40000', destination: '10.60.0.10:80' };
  const key = parseFlow(flow);
  t.equal(key.protocol, 6);
  t.equal(hex(key.source), '00000000000000000000ffffac100001');
  t.equal(hex(key.destination), '00000000000000000000ffff0a3c000a');
  t.equal(hex(key.source_port), '9c40');
  t.equal(hex(key.destination_port), '0050');
  t.strictSame(flowText(key), flow);
  t.end();
});

t.test('a session of IPv6, and protocols without ports', (t) => {
  const udp = { protocol: 'udp', source: '[fd00::1]:5000', destination: '[fd00:60::a]:53' };
  t.equal(hex(parseFlow(udp).source), 'fd000000000000000000000000000001');
  t.strictSame(flowText(parseFlow(udp)), udp);
  const gre = { protocol: 'gre', source: 'fd00::1', destination: '[fd00::2]' };
  t.equal(hex(parseFlow(gre).source_port), '0000');
  t.strictSame(flowText(parseFlow(gre)), { ...gre, destination: 'fd00::2' });
  t.equal(parseFlow({ ...gre, protocol: '47' }).protocol, 47);
  t.end();
});

t.test('addresses are written as everywhere else', (t) => {
  const of = (hexText: string): string => addressText(Buffer.from(hexText, 'hex'));
  t.equal(of('0a000001'), '10.0.0.1');
  const rows = [
    ['00000000000000000000ffffac100001', '172.16.0.1'],
    ['00000000000000000000000000000000', '::'],
    ['00000000000000000000000000000001', '::1'],
    ['fe800000000000000000000000000000', 'fe80::'],
    ['20010db8000000010000000000000001', '2001:db8:0:1::1'],
    ['20010db8000000000001000000000001', '2001:db8::1:0:0:1'],
    ['20010db8000000010001000100010001', '2001:db8:0:1:1:1:1:1'],
    ['20010db8abcd00010001000100010001', '2001:db8:abcd:1:1:1:1:1'],
  ] as const;
  for (const [bytes, text] of rows) t.equal(of(bytes), text);
  // Zeros in every place, against another implementation.
  for (let mask = 0; mask < 256; mask++) {
    const groups = Array.from({ length: 8 }, (_, at) => ((mask >> at) & 1) * 0xa0b1);
    const bytes = Buffer.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
    const known = ipaddr.fromByteArray([...bytes]) as ipaddr.IPv6;
    const words = (text: string) => ipaddr.IPv6.parse(text).toNormalizedString();
    t.equal(words(addressText(bytes)), known.toNormalizedString());
    t.equal(addressText(bytes), known.toRFC5952String());
  }
  t.end();
});

t.test("an echo's id stands for both ports, wherever it is written", (t) => {
  for (const [source, destination] of [
    ['10.0.0.1:77', '10.0.0.2'],
    ['10.0.0.1', '10.0.0.2:77'],
    ['10.0.0.1:77', '10.0.0.2:77'],
  ] as const) {
    const key = parseFlow({ protocol: 'icmp', source, destination });
    t.equal(hex(key.source_port) + hex(key.destination_port), '004d004d');
  }
  t.end();
});

t.test('a wrong one is told by the part that is wrong', (t) => {
  const right = { protocol: 'tcp', source: '10.0.0.1:1', destination: '10.0.0.2:2' };
  const wrong: readonly (readonly [change: Partial<typeof right>, message: RegExp])[] = [
    [{ protocol: 'tpc' }, /^protocol: "tpc" is not valid: want tcp/],
    [{ protocol: '256' }, /^protocol: "256"/],
    [{ source: '' }, /^source: "" is not valid/],
    [{ source: '10.0.0:1' }, /^source: "10.0.0:1"/],
    [{ source: '10.0.0.1.5:1' }, /^source: /],
    [{ source: '0x0a.0.0.1:1' }, /^source: /],
    [{ source: '[10.0.0.1]:1' }, /^source: /],
    [{ source: '10.0.0.1/8:1' }, /^source: /],
    [{ source: 'fe80::1%eth0' }, /^source: /],
    [{ source: '[fe80::1%eth0]:1' }, /^source: /],
    [{ source: '10.0.0.1:0' }, /^source: .*a port from 1 to 65535/],
    [{ destination: '10.0.0.2:65536' }, /^destination: .*a port from 1 to 65535/],
    [{ destination: '10.0.0.2: 80' }, /^destination: /],
    [{ source: '10.0.0.1' }, /^source: .*want a port too: tcp has ports/],
    [{ destination: '10.0.0.2' }, /^destination: .*want a port too/],
    [{ destination: '[fd00::2]:2' }, /^destination: .*want an IPv4 address, as the source is/],
    [{ protocol: 'gre' }, /^source: .*want no port: gre has none/],
    [{ protocol: 'gre', source: '10.0.0.1' }, /^destination: .*want no port/],
    [{ protocol: 'icmp' }, /^destination: .*the echo's id, the same as in the source/],
  ];
  for (const [change, message] of wrong) {
    t.throws(
      () => parseFlow({ ...right, ...change }),
      { code: 3, message },
      JSON.stringify(change),
    );
  }
  t.end();
});
