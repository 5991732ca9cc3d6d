// SPDX-License-Identifier: Apache-2.0
/** A data plane with known values, for maps in memory and for the kernel's. */
import * as layout from '../../bpf/loader/layout.js';
import { parseFlow } from '../../forwarder/operator/flow.js';
import { addressBytes } from '../../forwarder/steering/strands.js';

/** Where the values go. */
export interface WriteMap {
  readonly possibleCpus: number;
  update(key: Uint8Array, value: Uint8Array): void;
}

/** Opens a map to write into. */
export type WriteMaps = (name: string) => WriteMap;

/** Ids as managers make them: these two begin alike. */
export const wireIds = {
  sip: '3f2a9c1e-77aa-4b7e-9c53-0d5bb1a2c001',
  web: '3f2a9c1e-b0de-4b7e-9c53-0d5bb1a2c002',
} as const;

const { kinds, limits } = layout;

/** A number as a key or value. */
export const u32 = (value: number): Buffer => layout.number32.encode({ value });

/** A value of a per-CPU map: each CPU's, the rest nothing. */
export function perCpu(map: WriteMap, ...each: readonly Buffer[]): Buffer {
  const size = Math.ceil((each[0]?.length ?? 0) / 8) * 8;
  const all = Buffer.alloc(size * map.possibleCpus);
  // What a machine of one CPU cannot tell apart stands in the last one.
  for (const [at, value] of each.entries()) {
    const cpu = Math.min(at, map.possibleCpus - 1);
    addWords(all.subarray(cpu * size, (cpu + 1) * size), value);
  }
  return all;
}

/** One session more. */
export function addSession(
  maps: WriteMaps,
  wire: number,
  flow: { protocol: string; source: string; destination: string },
  value: Partial<layout.Session>,
): void {
  const key = { ...parseFlow(flow), wire };
  const session = layout.session.encode(value);
  if (flow.source.startsWith('[')) {
    maps('sessions6').update(layout.flow.encode(key), session);
    return;
  }
  const four = { source: key.source.subarray(12), destination: key.destination.subarray(12) };
  maps('sessions4').update(layout.flow4.encode({ ...key, ...four }), session);
}

/** Say what a number means. */
export function addName(maps: WriteMaps, kind: keyof typeof kinds, id: number, text: object): void {
  const key = layout.nameOf.encode({ kind: kinds[kind], id });
  const json = Buffer.from(JSON.stringify(text));
  maps('names').update(key, layout.name.encode({ text: json }));
}

/** Generation 7 of a node with two links, three strands, two wires and a policy of two rules. */
export function fillPlane(maps: WriteMaps): void {
  control(maps, { layout: layout.layoutVersion, generation: 7, pins: 2 });
  addName(maps, 'node', 0, {
    name: 'edge-forwarder',
    site: 'edge',
    version: '0.1.0',
    routing: 'host-routes',
  });
  const internet = { network: 'internet' };
  addName(maps, 'link', 1, { name: 'fibre', class: 'low-latency', device: 'wan0', ...internet });
  addName(maps, 'link', 2, { name: 'lte', class: 'best-effort', device: 'wan1', ...internet });
  addName(maps, 'link', 3, { name: 'spare', class: 'bulk', device: 'wan2', ...internet });
  addName(maps, 'peer', 1, { name: 'cloud-forwarder', site: 'cloud' });
  fillStrands(maps);
  fillWires(maps);
  fillRules(maps);
  fillPins(maps);
}

/** The words of the map `control`. */
export function control(maps: WriteMaps, value: Parameters<typeof layout.control.encode>[0]): void {
  maps('control').update(u32(0), layout.control.encode(value));
}

function fillStrands(maps: WriteMaps): void {
  const { carrier, operator } = layout.downReasons;
  const strands = [
    ['fibre', 'wan0', '192.0.2.1', '203.0.113.10', 0],
    ['lte', 'wan1', '198.51.100.1', '203.0.113.11', carrier | operator],
    ['lte', 'wan0', '2001:db8::1', '2001:db8:1::10', 0],
  ] as const;
  for (const [at, [link, peerLink, local, remote, down]] of strands.entries()) {
    const id = at + 1;
    const ends = { local: addressBytes(local), remote: addressBytes(remote) };
    const rest = { down, device: 7, peer: 1, link: link === 'fibre' ? 1 : 2, mtu: 1450, family: 4 };
    maps('strands').update(u32(id), layout.strand.encode({ ...ends, ...rest }));
    // The second has its own name, the others are named by what they join.
    const own = id === 2 ? { name: 'lte-cloud/wan1' } : {};
    addName(maps, 'strand', id, { link, peerLink, peer: 'cloud-forwarder', ...own });
    const stats = maps('strand_stats');
    const one = {
      tx_packets: BigInt(10 * id),
      tx_bytes: BigInt(1000 * id),
      rx_packets: 1n,
      rx_bytes: 70n,
    };
    const two = { tx_packets: 1n, tx_bytes: 500n };
    stats.update(u32(id), perCpu(stats, layout.stats.encode(one), layout.stats.encode(two)));
  }
}

function fillWires(maps: WriteMaps): void {
  const { used, leader, ethernet } = layout.wireFlags;
  const names = { client: 'nsc', service: 'wan', name: 'nsm-1' };
  const wires = maps('wires');
  const plain = { peer: 1, policy: 1, mtu: 1450 };
  wires.update(u32(1), layout.wire.encode({ ...plain, flags: used | leader, vni: 100 }));
  addName(maps, 'wire', 1, { id: wireIds.sip, ...names });
  wires.update(
    u32(2),
    layout.wire.encode({ ...plain, flags: used | ethernet, vni: 101, policy: 0 }),
  );
  addName(maps, 'wire', 2, { id: wireIds.web, ...names, client: 'web', service: 'lan' });
  // Its name is written before it is used.
  addName(maps, 'wire', 3, { id: 'not-yet', ...names });
  const stats = maps('wire_stats');
  const counted = (value: Parameters<typeof layout.wireStats.encode>[0]): Buffer =>
    layout.wireStats.encode(value);
  stats.update(u32(0), perCpu(stats, counted({ drops: [4n, 5n] })));
  stats.update(
    u32(1),
    perCpu(
      stats,
      counted({ tx_packets: 30n, tx_bytes: 3000n, uncached: 2n, drops: [0n, 0n, 1n, 0n, 6n] }),
      counted({ rx_packets: 20n, rx_bytes: 2000n, fragments: 3n, drops: [0n, 0n, 2n] }),
    ),
  );
}

function fillRules(maps: WriteMaps): void {
  const [now, past] = [layout.rulesetRow(1, 1), layout.rulesetRow(0, 1)];
  addName(maps, 'ruleset', now, { service: 'wan', policy: 'default' });
  addName(maps, 'ruleset', layout.rulesetRow(1, 0), { service: '', policy: '' });
  addName(maps, 'ruleset', past, { service: 'wan', policy: 'before' });
  maps('rulesets').update(u32(now), layout.ruleset.encode({ rules: 2, default_class: 1 }));
  maps('rulesets').update(u32(past), layout.ruleset.encode({ rules: 1 }));
  const rules: readonly (readonly [row: number, at: number, cls: number, mark: number])[] = [
    [now, 0, 0, layout.noMark],
    [now, 1, 1, 8],
    [now, layout.defaultRule, 1, layout.noMark],
    [past, 0, 0, layout.noMark],
  ];
  for (const [row, at, class_id, mark] of rules) {
    maps('rules').update(u32(row * limits.rules + at), layout.rule.encode({ class_id, mark }));
  }
  for (const row of [now, past]) {
    addName(maps, 'class', (row << 16) | 0, { name: row === now ? 'low-latency' : 'old' });
    addName(maps, 'class', (row << 16) | 1, { name: 'bulk' });
    addName(maps, 'rule', row * limits.rules, { name: row === now ? 'voice' : 'past' });
  }
  addName(maps, 'rule', now * limits.rules + 1, { name: 'backup' });
  const stats = maps('rule_stats');
  const value = layout.stats.encode({ tx_packets: 11n, tx_bytes: 1100n });
  stats.update(u32(now * limits.rules), perCpu(stats, value, value));
  stats.update(u32(now * limits.rules + layout.defaultRule), perCpu(stats, value));
}

function fillPins(maps: WriteMaps): void {
  const pin = (
    wire: number,
    protocol: string,
    source: string,
    destination: string,
    strand: number,
  ) => {
    const key = layout.flow.encode({ ...parseFlow({ protocol, source, destination }), wire });
    maps('pins').update(key, layout.pin.encode({ strand }));
  };
  pin(1, 'tcp', '172.16.0.1:40000', '10.60.0.10:80', 2);
}

function addWords(into: Buffer, value: Buffer): void {
  for (let at = 0; at < value.length; at += 8) {
    into.writeBigUInt64LE(into.readBigUInt64LE(at) + value.readBigUInt64LE(at), at);
  }
}
