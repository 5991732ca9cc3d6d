// SPDX-License-Identifier: Apache-2.0
/**
 * What the decision costs: forwarding CPU per small packet, against the kernel's
 * routing without any rule and against what an administrator would do today
 * (an nftables map of sessions to marks, and a routing rule by mark). Each is
 * the sender's CPU less that of the same sender with a drop at the node.
 */
import type { Report } from './report.js';
import { ruled, weighted } from './steering/policies.js';
import { Steered } from './steering/steered.js';
import { Topology, type BlastOptions } from './steering/topology.js';

const runs = 7;
/** With room for as many sessions as by default, or for all of them. */
const loads = {
  '1k': { load: { sessions: 1_000, packets: 400_000 }, room: 1 << 16 },
  '100k': { load: { sessions: 100_000, packets: 400_000 }, room: 1 << 17 },
};

/** The benchmark. */
export async function steering(report: Report): Promise<void> {
  await costs(report);
  await rules(report);
  await weights(report);
}

/** Nanoseconds for each packet. */
async function cost(topology: Topology, options: BlastOptions, sink = true): Promise<number> {
  const { packets, cpuNs } = await topology.blast(options, sink);
  return cpuNs / packets;
}

async function costs(report: Report): Promise<void> {
  await using routing = await Topology.open();
  await using dropped = await Topology.open();
  await using marked = await Topology.open();
  await dropped.sinkAt(dropped.node, 'port');
  for (const [size, { load, room }] of Object.entries(loads)) {
    await using ours = await Topology.open();
    await using steered = await Steered.open(ours, room);
    await steered.ask({ do: 'policy', policy: weighted(75, 25) });
    await nftMap(marked, load.sessions, room);
    const figures = { routing: [], nft: [], ours: [] } as Record<string, number[]>;
    for (let run = -1; run < runs; run++) {
      const nothing = await cost(dropped, load, false);
      const one = {
        routing: (await cost(routing, load)) - nothing,
        ours: (await cost(ours, load)) - nothing,
        nft: (await cost(marked, load)) - nothing,
      };
      // The first run fills caches, and our sessions.
      if (run < 0) continue;
      for (const [name, value] of Object.entries(one)) figures[name]?.push(value);
    }
    const { routing: kernel = [], nft = [], ours: own = [] } = figures;
    const unit = 'ns/packet';
    const figure = `cost_vs_routing_${size}`;
    report.add({ figure, unit, ours: own, theirs: kernel, against: 'kernel routing, no rule' });
    const name = `cost_vs_nft_map_${size}`;
    report.add({ figure: name, unit, ours: own, theirs: nft, against: 'nft map, rule by mark' });
  }
}

/** What an administrator would do: a mark for each session, and a table for each mark. */
async function nftMap(topology: Topology, sessions: number, room: number): Promise<void> {
  const { node } = topology;
  const mark = (number: number): string => (number % 4 === 0 ? '2' : '1');
  const elements = Array.from({ length: sessions }, (_, number) => {
    const source = String(10_000 + (number % 50_000));
    const destination = String(5_000 + Math.floor(number / 50_000));
    return `10.0.1.2 . 192.0.2.9 . ${source} . ${destination} : ${mark(number)}`;
  });
  const text = `
table ip wwbench {
  map marks { type ipv4_addr . ipv4_addr . inet_service . inet_service : mark; size ${String(room)}; elements = { ${elements.join(', ')} } }
  chain pre { type filter hook prerouting priority mangle; meta mark set ip saddr . ip daddr . udp sport . udp dport map @marks; }
}
`;
  await topology.run(node, 'nft', 'delete', 'table', 'ip', 'wwbench').catch(() => undefined);
  const file = `/tmp/wwbench-${node}.nft`;
  const { writeFile, rm } = await import('node:fs/promises');
  await writeFile(file, text);
  try {
    await topology.run(node, 'nft', '-f', file);
  } finally {
    await rm(file);
  }
  for (const table of ['1', '2']) {
    await topology.run(node, 'ip', 'rule', 'del', 'fwmark', table).catch(() => undefined);
    await topology.ip(
      node,
      `rule add fwmark ${table} lookup 10${table}`,
      `route replace 192.0.2.0/24 via 198.51.100.2 table 10${table}`,
    );
  }
}

async function rules(report: Report): Promise<void> {
  await using ours = await Topology.open();
  await using steered = await Steered.open(ours, 1 << 18);
  const first: Record<number, number[]> = { 1: [], 1000: [] };
  const applied: number[] = [];
  let number = 0;
  for (let run = -1; run < runs; run++) {
    for (const count of [1, 1000]) {
      const ms = await steered.ask({ do: 'policy', policy: ruled(count) });
      const load = { sessions: 40_000, packets: 40_000, first: number };
      number += load.sessions;
      const one = await cost(ours, load);
      if (run < 0) continue;
      first[count]?.push(one);
      if (count === 1000) applied.push(Number(ms));
    }
  }
  const unit = 'ns/packet';
  const theirs = first[1] ?? [];
  const figure = 'rules_1000_vs_1';
  report.add({ figure, unit, ours: first[1000] ?? [], theirs, against: 'one rule' });
  report.add({ figure: 'policy_apply_ms', unit: 'ms', ours: applied });
}

async function weights(report: Report): Promise<void> {
  const errors: number[] = [];
  for (let run = 0; run < 5; run++) {
    await using ours = await Topology.open();
    await using steered = await Steered.open(ours, 1 << 16);
    await steered.ask({ do: 'policy', policy: weighted(75, 25) });
    await ours.blast({ sessions: 10_000, packets: 10_000, first: run * 10_000 });
    const counts = (await steered.ask({ do: 'strands' })) as Readonly<Record<string, number>>;
    const fibre = counts['fibre-peer/a'] ?? NaN;
    errors.push(Math.abs((fibre / 10_000) * 100 - 75));
  }
  report.add({ figure: 'weight_error_points', unit: 'points', ours: errors });
}
