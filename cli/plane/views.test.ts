// SPDX-License-Identifier: Apache-2.0
/** What the commands print of a known plane. */
import t from 'tap';
import { memoryMaps } from '../../test/doubles/memory-maps.js';
import { addName, addSession, fillPlane, wireIds } from '../../test/doubles/plane-fixture.js';
import * as layout from '../../bpf/loader/layout.js';
import { linksJson, linksLines } from './links-view.js';
import { tableLines } from './lines.js';
import type { Whole } from './look.js';
import { readPlane } from './read.js';
import { readSessions } from './sessions.js';
import { sessionsJson, sessionsLines } from './sessions-view.js';
import { statusJson, statusLines } from './status-view.js';

const plain = { bold: String, dim: String, red: String, green: String, yellow: String };
/** Styles that can be seen. */
const marked = Object.fromEntries(
  Object.keys(plain).map((style) => [style, (text: string) => `<${style}>${text}`]),
) as unknown as typeof plain;

const flow = { protocol: 'tcp', source: '172.16.0.1:40000', destination: '10.60.0.10:80' };

function filled() {
  const maps = memoryMaps();
  fillPlane(maps.map);
  const last_ns = process.hrtime.bigint();
  const value = { generation: 7, strand: 1, mark: layout.noMark, last_ns };
  addSession(maps.map, 1, flow, { ...value, tx_packets: 4n, tx_bytes: 1200n, flags: 1, moves: 2 });
  const six = { protocol: 'udp', source: '[fd00::1]:1', destination: '[fd00::2]:2' };
  addSession(maps.map, 2, six, { ...value, generation: 6, tx_bytes: 10n });
  return maps;
}

function whole(maps = filled(), changes: Partial<Whole> = {}): Whole {
  return {
    reading: readPlane(maps),
    sessions: { ipv4: 1, ipv6: 120_000 },
    forwarder: { running: true, socket: '/run/wanwire/x/operator.sock', reason: null },
    attached: { kind: 'tcx', programs: 3 },
    atMs: 1_000,
    ...changes,
  };
}

t.test('a table: titles over columns, numbers to the right, nothing to write with', (t) => {
  const rows = [
    { name: 'a\u001b[2J', count: 5 },
    { name: 'longer', count: 12345678 },
    { name: '', count: 0 },
  ];
  const lines = tableLines(
    rows,
    [
      { title: 'NAME', text: ({ name }) => name },
      { title: 'COUNT', right: true, text: ({ count }) => String(count) },
      { title: 'END', text: () => 'x' },
    ],
    plain,
  );
  t.strictSame(lines, [
    'NAME       COUNT  END',
    'a?[2J          5  x',
    'longer  12345678  x',
    '-              0  x',
  ]);
  t.strictSame(tableLines([], [], plain), []);
  t.end();
});

t.test('wanwire links', (t) => {
  const now = { reading: readPlane(filled()), atMs: 5 };
  t.strictSame(linksLines(plain, now), [
    'LINK   CLASS        NETWORK   DEVICE  STATE   STRANDS  ADDRESSES                 TX PACKETS       TX  RX PACKETS     RX',
    'fibre  low-latency  internet  wan0    up      1/1      192.0.2.1                         11  1.50 kB           1   70 B',
    'lte    best-effort  internet  wan1    up      1/2      198.51.100.1,2001:db8::1          52  6.00 kB           2  140 B',
    'spare  bulk         internet  wan2    unused  0/0      -                                  0      0 B           0    0 B',
    '',
    'STRAND            PEER             STATE                    LOCAL         REMOTE           MTU  TX PACKETS       TX  RX PACKETS    RX',
    'fibre-cloud/wan0  cloud-forwarder  up                       192.0.2.1     203.0.113.10    1450          11  1.50 kB           1  70 B',
    'lte-cloud/wan0    cloud-forwarder  up                       2001:db8::1   2001:db8:1::10  1450          31  3.50 kB           1  70 B',
    'lte-cloud/wan1    cloud-forwarder  down: carrier, operator  198.51.100.1  203.0.113.11    1450          21  2.50 kB           1  70 B',
  ]);
  t.match(linksLines(marked, now).at(-1), /^<red>lte-cloud\/wan1/);
  const none = { reading: readPlane(memoryOnly()), atMs: 5 };
  t.strictSame(linksLines(plain, none), [
    'no links',
    '',
    'no strands: no wire leads to another site yet',
  ]);
  t.end();
});

t.test('rates have columns and fields only where there was an earlier read', (t) => {
  const maps = filled();
  const before = { reading: readPlane(maps), atMs: 1_000 };
  const stats = maps.map('strand_stats');
  const value = layout.stats.encode({
    tx_packets: 111n,
    tx_bytes: 126_500n,
    rx_packets: 1n,
    rx_bytes: 70n,
  });
  stats.update(layout.number32.encode({ value: 1 }), Buffer.concat([value, Buffer.alloc(32)]));
  const now = { reading: readPlane(maps), atMs: 2_000 };
  t.match(
    linksLines(plain, now, before)[1],
    /127 kB {2,}1 {2,}70 B {2,}1\.00 Mbit\/s {2,}0 bit\/s$/,
  );
  const { strands } = linksJson(now, before) as { strands: { rate: object }[] };
  t.match(strands[0]?.rate, { txPacketsPerSecond: 100, txBitsPerSecond: 1_000_000 });
  const alone = JSON.stringify(linksJson(now));
  t.notMatch(alone, /rate/);
  t.end();
});

t.test('wanwire status', (t) => {
  const lines = statusLines(plain, whole());
  t.strictSame(lines.slice(0, 3), [
    'edge-forwarder  running',
    'site edge, version 0.1.0, routing host-routes, attached by tcx (3)',
    'generation 7, 2 wires, 1 session of IPv4 and 120 k of IPv6, 1 pinned',
  ]);
  const text = lines.join('\n');
  t.match(text, /^WIRE +CLIENT +SERVICE +INTERFACE +PEER +POLICY +ROLE +MTU/m);
  t.match(
    text,
    /^3f2a9c1e-7 +nsc +wan +nsm-1 +cloud-forwarder +default +leads +1450 .* 2 +3 +not-ip 3, no-strand 6$/m,
  );
  t.match(text, /^3f2a9c1e-b +web +lan +nsm-1 +cloud-forwarder +- +follows /m);
  t.match(text, /^wan +default +backup +bulk +cs1 +0 +0 B$/m);
  t.match(text, /^wan +default +\(default\) +bulk +- +11 +1\.10 kB$/m);
  t.match(text, /^3f2a9c1e-7 +tcp +172\.16\.0\.1:40000 +10\.60\.0\.10:80 +lte-cloud\/wan1$/m);
  t.match(text, /^dropped, of no wire: no-wire 4, not-source 5$/m);

  const gone = { running: false, socket: '/x', reason: 'no answer' };
  const dead = statusLines(
    plain,
    whole(filled(), { forwarder: gone, attached: { kind: null, programs: 0 } }),
  );
  t.equal(dead[0], 'edge-forwarder  not running: packets flow, nothing can be changed');
  t.match(dead[1], /attached by - \(0\)/);
  t.match(
    statusLines(plain, whole(memoryOnly())).join('\n'),
    /no tables in force yet.*no steered wires/s,
  );
  t.end();
});

t.test('the JSON of status has every field, also where there is nothing', (t) => {
  const fields = [
    'node',
    'forwarder',
    'attached',
    'layout',
    'generation',
    'sessions',
    'links',
    'peers',
    'strands',
    'wires',
    'ruleSets',
    'pins',
    'drops',
  ];
  for (const maps of [filled(), memoryOnly()]) {
    const json = JSON.parse(JSON.stringify(statusJson(whole(maps)))) as Record<string, unknown>;
    t.strictSame(Object.keys(json), fields);
    t.strictSame(Object.keys(json['node'] as object), [
      'name',
      'site',
      'version',
      'routing',
      'operator',
    ]);
  }
  t.end();
});

t.test('wanwire sessions', (t) => {
  const maps = filled();
  const now = readSessions(maps, readPlane(maps));
  const lines = sessionsLines(plain, now, undefined, 50);
  t.match(
    lines[0],
    /^WIRE +CLIENT +PROTOCOL +SOURCE +DESTINATION +STRAND +CLASS +RULE +MARK .* IDLE +MOVES +FLAGS$/,
  );
  t.match(
    lines[1],
    /^3f2a9c1e-7 +nsc +tcp +172\.16\.0\.1:40000 +10\.60\.0\.10:80 +fibre-cloud\/wan0 +low-latency +voice +- +4 +1\.20 kB +0 +0 B +0\.\d s +2 +pinned$/,
  );
  t.match(lines[2], /^3f2a9c1e-b +web +udp +\[fd00::1\]:1 +\[fd00::2\]:2 .* stale$/);
  t.equal(lines.at(-1), '2 sessions: 1.21 kB out and 0 B in');
  const short = sessionsLines(plain, now, undefined, 1);
  t.equal(short.at(-1), '2 sessions (1 more: --top 2): 1.21 kB out and 0 B in');
  t.match(sessionsLines(marked, now, undefined, 1)[1], /^<bold>/, 'a pinned one stands out');

  const later = { ...now, atMs: now.atMs + 1_000 };
  t.match(sessionsLines(plain, later, now, 50).at(-1), /in, 0 bit\/s out and 0 bit\/s in$/);
  const none = memoryOnly();
  t.strictSame(sessionsLines(plain, readSessions(none, readPlane(none)), undefined, 5), [
    'no sessions',
  ]);
  t.end();
});

t.test('the JSON of sessions', (t) => {
  const maps = filled();
  const now = readSessions(maps, readPlane(maps));
  const json = (top?: number, before?: typeof now) =>
    JSON.parse(JSON.stringify(sessionsJson(now, before, top))) as {
      total: Record<string, unknown>;
      more: number;
      sessions: Record<string, unknown>[];
    };
  t.equal(json().sessions.length, 2);
  t.equal(json().more, 0);
  t.match(json(1), { more: 1, total: { sessions: 2, counters: { txBytes: 1210 } } });
  t.strictSame(Object.keys(json().sessions[0] ?? {}), Object.keys(json().sessions[1] ?? {}));
  t.match(json().sessions[0], { wire: wireIds.sip, strand: 'fibre-cloud/wan0', mark: null });
  t.notOk('rate' in json().total);
  t.ok('rate' in json(1, now).total);
  t.end();
});

/** A plane that has only just been made. */
function memoryOnly() {
  const maps = memoryMaps();
  maps
    .map('control')
    .update(Buffer.alloc(4), layout.control.encode({ layout: layout.layoutVersion }));
  addName(maps.map, 'node', 0, { name: 'edge-forwarder', site: 'edge' });
  return maps;
}
