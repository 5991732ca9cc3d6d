// SPDX-License-Identifier: Apache-2.0
/** Known maps as words. `test/bpf/plane-read.test.ts` does the same with the kernel's. */
import t from 'tap';
import * as layout from '../../bpf/loader/layout.js';
import { memoryMaps } from '../../test/doubles/memory-maps.js';
import {
  addName,
  addSession,
  control,
  fillPlane,
  u32,
  wireIds,
} from '../../test/doubles/plane-fixture.js';
import { readPlane } from './read.js';
import { countSessions, isThere, readSessions, sessionsOf, totalRate } from './sessions.js';
import { parseFlow } from '../../forwarder/operator/flow.js';

function filled() {
  const maps = memoryMaps();
  fillPlane(maps.map);
  return maps;
}

const nothing = { txPackets: 0, txBytes: 0, rxPackets: 0, rxBytes: 0 };
const web = { protocol: 'tcp', source: '172.16.0.1:40000', destination: '10.60.0.10:80' };

t.test('the node, its links and strands', (t) => {
  const { plane } = readPlane(filled());
  t.strictSame(plane.node, {
    name: 'edge-forwarder',
    site: 'edge',
    version: '0.1.0',
    routing: 'host-routes',
    operator: null,
  });
  t.match(plane, { layout: layout.layoutVersion, generation: 7 });
  t.strictSame(plane.peers, [{ name: 'cloud-forwarder', site: 'cloud' }]);
  t.strictSame(
    plane.strands.map(({ name, state, down }) => [name, state, down.join()]),
    [
      ['fibre-cloud/wan0', 'up', ''],
      ['lte-cloud/wan0', 'up', ''],
      ['lte-cloud/wan1', 'down', 'carrier,operator'],
    ],
  );
  t.match(plane.strands[0], { local: '192.0.2.1', remote: '203.0.113.10', mtu: 1450 });
  t.match(plane.strands[1], { local: '2001:db8::1', remote: '2001:db8:1::10' });
  const { counters } = plane.strands[0] ?? {};
  t.strictSame(
    counters,
    { txPackets: 11, txBytes: 1500, rxPackets: 1, rxBytes: 70 },
    'of all CPUs',
  );
  t.strictSame(
    plane.links.map(({ name, state, usable, strands }) => [name, state, usable, strands]),
    [
      ['fibre', 'up', 1, 1],
      ['lte', 'up', 1, 2],
      ['spare', 'unused', 0, 0],
    ],
  );
  t.match(plane.links[1], {
    addresses: ['198.51.100.1', '2001:db8::1'],
    counters: { txPackets: 52, txBytes: 6000, rxPackets: 2, rxBytes: 140 },
  });
  t.strictSame(plane.links[2]?.counters, nothing);
  t.end();
});

t.test('wires, rules in force, pins and what was dropped', (t) => {
  const { plane } = readPlane(filled());
  t.strictSame(
    plane.wires.map(({ id }) => id),
    [wireIds.sip, wireIds.web],
    'not one that is not used yet',
  );
  t.match(plane.wires[0], {
    client: 'nsc',
    service: 'wan',
    interface: 'nsm-1',
    peer: 'cloud-forwarder',
    policy: 'default',
    leader: true,
    payload: 'IP',
    mtu: 1450,
    vni: 100,
    counters: { txPackets: 30, txBytes: 3000, rxPackets: 20, rxBytes: 2000 },
    uncached: 2,
    fragments: 3,
    drops: { 'not-ip': 3, 'no-strand': 6, tunnel: 0 },
  });
  t.match(plane.wires[1], { policy: '', leader: false, payload: 'ETHERNET' });
  t.match(plane.drops, { 'no-wire': 4, 'not-source': 5, 'too-big': 0 });
  t.equal(plane.ruleSets.length, 2, 'not those of the other bank');
  t.strictSame(plane.ruleSets[1], {
    service: 'wan',
    policy: 'default',
    rules: [
      { name: 'voice', class: 'low-latency', mark: null, txPackets: 22, txBytes: 2200 },
      { name: 'backup', class: 'bulk', mark: 'cs1', txPackets: 0, txBytes: 0 },
    ],
    default: { class: 'bulk', txPackets: 11, txBytes: 1100 },
  });
  t.strictSame(plane.pins, [{ wire: wireIds.sip, ...web, strand: 'lte-cloud/wan1' }]);
  t.end();
});

t.test('sessions, the largest first, and only those of wires that are there', (t) => {
  const maps = filled();
  const now = process.hrtime.bigint();
  const base = { generation: 7, strand: 1, mark: layout.noMark, last_ns: now };
  addSession(maps.map, 1, web, {
    ...base,
    tx_bytes: 100n,
    rx_bytes: 1n,
    rule: 0,
    flags: 1,
    moves: 3,
  });
  const six = { protocol: 'udp', source: '[fd00::1]:5060', destination: '[fd00:60::a]:5061' };
  const marked = { ...base, rule: 1, class_id: 1, mark: 46, strand: 3, flags: 6 };
  addSession(maps.map, 1, six, { ...marked, tx_packets: 5n, tx_bytes: 5_000_000_000n });
  const old = { ...base, rule: 0, tx_bytes: 50n, strand: 0 };
  const icmp = { protocol: 'icmp', source: '10.0.0.1:77', destination: '10.0.0.2' };
  addSession(maps.map, 2, icmp, { ...old, generation: 5, rule: layout.defaultRule });
  addSession(
    maps.map,
    1,
    { ...web, source: '172.16.0.1:40001' },
    { ...old, generation: 6, strand: 9 },
  );
  addSession(maps.map, 9, web, { ...base, tx_bytes: 10n ** 12n });

  const reading = readPlane(maps);
  const all = readSessions(maps, reading);
  t.strictSame(all.totals, { txPackets: 5, txBytes: 5_000_000_200, rxPackets: 0, rxBytes: 1 });
  t.strictSame(countSessions(maps, reading), { ipv4: 3, ipv6: 1 });
  const [first, second, ...rest] = sessionsOf(all);
  t.match(first, {
    wire: wireIds.sip,
    client: 'nsc',
    service: 'wan',
    protocol: 'udp',
    source: 'fd00::1',
    sourcePort: 5060,
    destination: 'fd00:60::a',
    destinationPort: 5061,
    strand: 'lte-cloud/wan0',
    class: 'bulk',
    rule: 'backup',
    mark: 'ef',
    counters: { txPackets: 5, txBytes: 5_000_000_000 },
    pinned: false,
    learned: true,
    fragment: true,
    current: true,
  });
  t.match(second, {
    source: '172.16.0.1',
    class: 'low-latency',
    rule: 'voice',
    mark: null,
    pinned: true,
    moves: 3,
  });
  t.ok((second?.idleMs ?? -1) >= 0);
  const [before, older] = [
    rest.find((one) => one.wire === wireIds.sip),
    rest.find((one) => one.wire === wireIds.web),
  ];
  t.match(
    before,
    { class: 'old', rule: 'past', current: false, strand: '#9' },
    'of the other bank',
  );
  t.match(older, {
    class: null,
    rule: null,
    current: false,
    strand: null,
    protocol: 'icmp',
    sourcePort: 77,
  });
  t.equal(sessionsOf(all, 1).length, 1);
  t.equal(readSessions(maps, reading, reading.plane.wires[1]).raw.length, 1, 'of one wire');

  t.ok(isThere(maps, 1, parseFlow(web)));
  t.ok(isThere(maps, 1, parseFlow(six)));
  t.notOk(isThere(maps, 2, parseFlow(web)));
  t.end();
});

t.test('a session that the other side leads has no class here, and swaps do not touch it', (t) => {
  const maps = filled();
  const none = { class_id: layout.unclassified, rule: layout.unclassified, mark: layout.noMark };
  // Here, rule and row together are the number of a rule of another set.
  const decoy = layout.rulesetRow(1, 1) * layout.limits.rules + layout.unclassified;
  addName(maps.map, 'rule', decoy, { name: 'not this one' });
  addSession(maps.map, 1, web, { ...none, generation: 3, strand: 1, flags: 2 });
  const other = { ...web, source: '172.16.0.1:40001' };
  addSession(maps.map, 1, other, { ...none, generation: 7, strand: 2, flags: 1 });
  const sessions = sessionsOf(readSessions(maps, readPlane(maps)));
  const of = (port: number) => sessions.find(({ sourcePort }) => sourcePort === port);
  t.match(of(40000), {
    class: null,
    rule: null,
    learned: true,
    current: true,
    strand: 'fibre-cloud/wan0',
  });
  t.match(
    of(40001),
    { class: null, rule: null, pinned: true, current: true },
    'pinned, no policy yet',
  );
  t.end();
});

t.test('rates between two reads', (t) => {
  const maps = filled();
  const reading = readPlane(maps);
  addSession(maps.map, 1, web, { generation: 7, tx_packets: 10n, tx_bytes: 1000n });
  const gone = { ...web, source: '172.16.0.1:1' };
  addSession(maps.map, 1, gone, { generation: 7, tx_packets: 1n, tx_bytes: 10n ** 9n });
  const first = { ...readSessions(maps, reading), atMs: 5_000 };
  addSession(maps.map, 1, web, { generation: 7, tx_packets: 30n, tx_bytes: 3500n });
  addSession(maps.map, 1, gone, { generation: 7, tx_packets: 0n, tx_bytes: 50n });
  const fresh = { ...web, source: '172.16.0.1:2' };
  addSession(maps.map, 1, fresh, { generation: 7, rx_packets: 4n, rx_bytes: 400n });
  const second = { ...readSessions(maps, reading), atMs: 7_000 };
  const rates = new Map(
    sessionsOf(second, 9, first).map(({ sourcePort, rate }) => [sourcePort, rate]),
  );
  t.match(rates.get(40000), {
    txPacketsPerSecond: 10,
    txBitsPerSecond: 10_000,
    rxBitsPerSecond: 0,
  });
  t.match(rates.get(1), { txBitsPerSecond: 200 }, 'counted anew: it was evicted in between');
  t.match(rates.get(2), { rxPacketsPerSecond: 2, rxBitsPerSecond: 1_600 }, 'new since');
  t.match(totalRate(second, first), { txBitsPerSecond: 10_200, rxBitsPerSecond: 1_600 });
  t.equal(sessionsOf(second, 1)[0]?.rate, undefined, 'none without an earlier read');
  t.end();
});

t.test('what cannot be read as it should', (t) => {
  const maps = filled();
  control(maps.map, { layout: 77, generation: 1 });
  const other = /has layout 77, and this wanwire reads layout \d+: use the version of wanwire/;
  t.throws(() => readPlane(maps), { code: 9, message: other });
  control(maps.map, {});
  t.throws(() => readPlane(maps), { code: 9, message: /no layout yet/ });

  control(maps.map, { layout: layout.layoutVersion, generation: 0 });
  const early = readPlane(maps).plane;
  t.equal(early.generation, 0);
  t.strictSame(early.ruleSets, [], 'before the first tables');

  const names = maps.map('names');
  const broken = layout.name.encode({ text: Buffer.from('{"name": "cut') });
  names.update(layout.nameOf.encode({ kind: layout.kinds.peer, id: 1 }), broken);
  addName(maps.map, 'node', 0, { name: 5, site: null });
  control(maps.map, { layout: layout.layoutVersion, generation: 7 });
  const { plane } = readPlane(maps);
  t.match(plane.node, { name: '', site: '', version: null });
  t.match(plane.wires[0], { peer: '#1' });
  t.match(plane.peers, [{ name: '#1' }]);
  t.end();
});

t.test('tables that are swapped while they are read are read again', (t) => {
  const maps = filled();
  const names = maps.map('names');
  const entries = names.entries.bind(names);
  let swaps = 2;
  names.entries = () => {
    if (swaps-- > 0) control(maps.map, { layout: layout.layoutVersion, generation: 10 - swaps });
    return entries();
  };
  const { plane } = readPlane(maps);
  t.equal(plane.generation, 10);
  const policies = plane.ruleSets.map(({ policy }) => policy);
  t.strictSame(policies, ['before'], 'of the bank that is in force at the end');
  maps.map('wires').update(u32(1), layout.wire.encode({}));
  t.equal(readPlane(maps).plane.wires.length, 1);
  t.end();
});
