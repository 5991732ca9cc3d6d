// SPDX-License-Identifier: Apache-2.0
/**
 * `bpf/include/wire.h` in TypeScript: keys and values of the pinned maps. What each means is
 * said there; `test/bpf/layout.test.ts` compares every size and offset with the object's BTF.
 */
import { bytes, Struct, type StructOf, u16, u16s, u32, u64, u64s, u8 } from './struct.js';

export * from './event-layout.js';
export * from './evidence-layout.js';
export * from './probe-layout.js';

/** WW_LAYOUT. */
export const layoutVersion = 3;

/** The limits of `wire.h`. */
export const limits = {
  wires: 4096,
  strands: 1024,
  policies: 16,
  rules: 1024,
  words: 16,
  levels: 6,
  slots: 64,
  exact: 320,
  name: 256,
  /** Bytes of records that wait to be read. */
  events: 1 << 20,
  /** Probes of a strand that are remembered. */
  sent: 256,
  /** Bytes of a probe at least, behind UDP's header. */
  stamp: 44,
  /** TCP segments of a strand that are followed at a time. */
  followed: 8,
} as const;

/** WW_STAYS: `sla` of a session that leaves no strand because it is avoided. */
export const stays = 255;
/** Bits of CLOCK_MONOTONIC that a session's `slice` leaves out. */
export const sliceBits = 27;

/** `rule` of a session that fits no rule. */
export const defaultRule = limits.rules - 1;
/** WW_NONE: `class_id` and `rule` of a session that no table was asked for. */
export const unclassified = 0xffff;
/** `mark` of a rule that marks nothing. */
export const noMark = 255;

/** enum ww_wire_flags. */
export const wireFlags = { used: 1, leader: 2, peer: 4, ethernet: 8 } as const;
/** enum ww_session_flags. */
export const sessionFlags = {
  pinned: 1,
  learned: 2,
  fragment: 4,
  finOut: 8,
  finIn: 16,
  reset: 32,
} as const;
/** Why a strand is not used; a strand is usable with none of them. */
export const downReasons = { carrier: 1, operator: 2, address: 4, mtu: 8 } as const;

/** enum ww_dimension. */
export const dimensions = {
  source4: 0,
  destination4: 1,
  source6: 2,
  destination6: 3,
  sourcePort: 4,
  destinationPort: 5,
  dscp: 6,
  protocol: 7,
  labels: 8,
} as const;

/** enum ww_drop, in order: why a packet went no further. */
export const dropReasons = [
  'no-wire',
  'not-source',
  'not-ip',
  'malformed',
  'no-strand',
  'no-policy',
  'too-big',
  'tunnel',
] as const;
/** Why a packet went no further, by name. */
export type DropReason = (typeof dropReasons)[number];

/** enum ww_kind. */
export const kinds = {
  link: 0,
  peer: 1,
  strand: 2,
  wire: 3,
  ruleset: 4,
  class: 5,
  rule: 6,
  node: 7,
} as const;

const address = bytes(16);
const mac = bytes(6);

/** What the programs go by at every packet: map `control`. */
export const control = new Struct('ww_control', {
  layout: u32,
  generation: u32,
  pins: u32,
  insert_rate: u32,
  events: u32,
  stamp_port: u32,
  probe_port: u32,
  prober_pid: u32,
  prober_version: u32,
  large_port: u32,
});
/** One wire: map `wires`. */
export const wire = new Struct('ww_wire', {
  flags: u32,
  port: u32,
  target: u32,
  vni: u32,
  peer: u32,
  policy: u16,
  mtu: u16,
  target_mac: mac,
  port_mac: mac,
  pad: u32,
});
/** One strand: map `strands`. */
export const strand = new Struct('ww_strand', {
  local: address,
  remote: address,
  down: u32,
  device: u32,
  peer: u32,
  link: u16,
  mtu: u16,
  family: u8,
  pad: bytes(3),
  silent: u32,
  avoid: u32,
  pad2: u32,
});
/** A pair of outer addresses: key of map `paths`. */
export const path = new Struct('ww_path', { local: address, remote: address });
/** Whose strand a pair of outer addresses is: value of map `paths`. */
export const pathOf = new Struct('ww_path_of', { strand: u32, peer: u32 });
/** A wire as its peer numbers it: key of map `tunnels`. */
export const tunnel = new Struct('ww_tunnel', { vni: u32, peer: u32 });
/** A session of IPv4: key of map `sessions4`. */
export const flow4 = new Struct('ww_flow4', {
  wire: u32,
  source: bytes(4),
  destination: bytes(4),
  source_port: bytes(2),
  destination_port: bytes(2),
  protocol: u8,
  pad: bytes(3),
});
/** A session of either family: key of maps `sessions6` and `pins`. */
export const flow = new Struct('ww_flow', {
  wire: u32,
  source: address,
  destination: address,
  source_port: bytes(2),
  destination_port: bytes(2),
  protocol: u8,
  pad: bytes(3),
});
/** What is remembered of a session: value of `sessions4` and `sessions6`. */
export const session = new Struct('ww_session', {
  generation: u32,
  strand: u16,
  class_id: u16,
  rule: u16,
  mark: u8,
  flags: u8,
  moves: u16,
  dscp: u8,
  sla: u8,
  home: u16,
  pad: u16,
  slice: u32,
  tx_packets: u64,
  tx_bytes: u64,
  rx_packets: u64,
  rx_bytes: u64,
  last_ns: u64,
});
/** Where a session is pinned: value of map `pins`. */
export const pin = new Struct('ww_pin', { strand: u16, pad: u16 });
/** A set of rules, a bit for each. */
export const bits = new Struct('ww_bits', { word: u64s(limits.words) });
/** One rule set: map `rulesets`. */
export const ruleset = new Struct('ww_ruleset', {
  rules: u16,
  default_class: u16,
  dimensions: u32,
});
/** One rule: map `rules`. */
export const rule = new Struct('ww_rule', { class_id: u16, mark: u8, pad: u8 });
/** A prefix or port range of a rule set: key of map `criteria`. */
export const criterion = new Struct('ww_criterion', { length: u32, table: u32, data: address });
/** Key of map `wire_rules`. */
export const wireBank = new Struct('ww_wire_bank', { wire: u32, bank: u32 });
/** Key of map `classes`. */
export const classOf = new Struct('ww_class_of', {
  bank: u32,
  peer: u32,
  policy: u16,
  class_id: u16,
});
/** The strands of a class, level by level: value of map `classes`. */
export const classSlots = new Struct('ww_class', {
  levels: u8,
  soft: u8,
  sla: u8,
  pad: bytes(5),
  slots: u16s(limits.levels * limits.slots),
});
/** Counters of a wire, of one CPU: map `wire_stats`. */
export const wireStats = new Struct('ww_wire_stats', {
  tx_packets: u64,
  tx_bytes: u64,
  rx_packets: u64,
  rx_bytes: u64,
  uncached: u64,
  fragments: u64,
  drops: u64s(dropReasons.length),
});
/** Counters of a strand or rule, of one CPU: maps `strand_stats` and `rule_stats`. */
export const stats = new Struct('ww_stats', {
  tx_packets: u64,
  tx_bytes: u64,
  rx_packets: u64,
  rx_bytes: u64,
});
/** Key of map `names`. */
export const nameOf = new Struct('ww_name_of', { kind: u32, id: u32 });
/** What a number means, as JSON: value of map `names`. */
export const name = new Struct('ww_name', { text: bytes(limits.name) });
/** A lone __u32: keys of arrays, values of `ports` and `tunnels`. */
export const number32 = new Struct('__u32', { value: u32 });

/** {@link wire} as a value. */
export type Wire = StructOf<typeof wire>;
/** {@link strand} as a value. */
export type Strand = StructOf<typeof strand>;
/** {@link session} as a value. */
export type Session = StructOf<typeof session>;
/** {@link flow} as a value. */
export type Flow = StructOf<typeof flow>;
/** {@link flow4} as a value. */
export type Flow4 = StructOf<typeof flow4>;
/** {@link wireStats} as a value. */
export type WireStats = StructOf<typeof wireStats>;
/** {@link stats} as a value. */
export type Stats = StructOf<typeof stats>;

/** Whether a session's connection is over: the next SYN with its ports is another one. */
export function isClosed(flags: number): boolean {
  const { finOut, finIn, reset } = sessionFlags;
  return (flags & reset) !== 0 || (flags & (finOut | finIn)) === (finOut | finIn);
}

/** WW_RULESET: the row of a rule set. */
export function rulesetRow(bank: number, policy: number): number {
  return bank * limits.policies + policy;
}

/** WW_TABLE: the first 32 bits of a criterion. */
export function criterionTable(bank: number, policy: number, dimension: number): number {
  return (bank << 16) | (policy << 8) | dimension;
}
