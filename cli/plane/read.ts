// SPDX-License-Identifier: Apache-2.0
/**
 * Reads a data plane from its pinned maps, whether its forwarder runs or not.
 * While a forwarder changes them, tables are read again until both halves are of
 * one generation; counters go on meanwhile.
 */
import { dscpText } from '../../api/site/traffic.js';
import * as layout from '../../bpf/loader/layout.js';
import { addressText, flowText } from '../../forwarder/operator/flow.js';
import { countersAt, sum, wireCountersAt } from './counters.js';
import { generationOf, index, type Maps } from './maps.js';
import { Names } from './names.js';
import { probesAt } from './probes.js';
import type * as words from './types.js';

const { downReasons, limits, rulesetRow, wireFlags } = layout;
const tries = 4;

/** A plane, and what its numbers mean. */
export interface PlaneReading {
  readonly plane: words.Plane;
  readonly names: Names;
  /** By number. */
  readonly strands: ReadonlyMap<number, string>;
  readonly wires: ReadonlyMap<number, WireReading>;
}

/** A wire, and which rules are its. */
export interface WireReading {
  readonly wire: words.PlaneWire;
  /** Place of its rule set in the tables. */
  readonly policy: number;
}

/** All but the sessions. */
export function readPlane(maps: Maps): PlaneReading {
  for (let left = tries; ; left--) {
    const generation = generationOf(maps);
    const reading = readOnce(maps, generation);
    if (left === 1 || generationOf(maps) === generation) return reading;
  }
}

function readOnce(maps: Maps, generation: number): PlaneReading {
  const names = new Names(maps);
  const strands = names.ids('strand').flatMap((id) => strandOf(maps, names, id));
  const strandNames = new Map(strands.map(({ id, name }) => [id, name]));
  const wires = names.ids('wire').flatMap((number) => wireOf(maps, names, generation, number));
  const plane = {
    node: nodeOf(names),
    layout: layout.layoutVersion,
    generation,
    links: names.ids('link').map((id) => linkOf(names, id, strands)),
    peers: names.ids('peer').map((id) => ({
      name: names.text('peer', id),
      site: names.text('peer', id, 'site'),
    })),
    strands: strands.toSorted(byName),
    wires: wires.map(({ wire }) => wire).toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    ruleSets: generation === 0 ? [] : ruleSetsOf(maps, names, generation),
    pins: pinsOf(maps, names, strandNames),
    drops: wireCountersAt(maps, 0).drops,
  };
  const byNumber = new Map(wires.map((one) => [one.wire.number, one]));
  return { plane, names, strands: strandNames, wires: byNumber };
}

function nodeOf(names: Names): words.PlaneNode {
  const { name = '', site = '', ...rest } = names.get('node', 0) ?? {};
  const { version = null, routing = null, operator = null } = rest;
  return { name, site, version, routing, operator };
}

function strandOf(maps: Maps, names: Names, id: number): words.PlaneStrand[] {
  const value = maps.map('strands').lookup(index(id));
  if (value === undefined) return [];
  const strand = layout.strand.decode(value);
  const { local, remote, mtu, peer: peerId } = strand;
  const { link = '', peerLink = '', name } = names.get('strand', id) ?? {};
  const { name: peer = `#${String(peerId)}`, site } = names.get('peer', peerId) ?? {};
  const down = downOf(strand);
  return [
    {
      id,
      name: name ?? `${link}-${site || peer}/${peerLink}`,
      link,
      peer,
      peerLink,
      local: addressText(local),
      remote: addressText(remote),
      mtu,
      state: down.length > 0 ? 'down' : (strand.avoid & 1) !== 0 ? 'held' : 'up',
      down,
      probes: probesAt(maps, id, strand),
      counters: countersAt(maps, 'strand_stats', id),
    },
  ];
}

function downOf({ down, silent }: Pick<layout.Strand, 'down' | 'silent'>): words.DownReason[] {
  const reasons = (Object.keys(downReasons) as (keyof typeof downReasons)[]).filter(
    (reason) => (down & downReasons[reason]) !== 0,
  );
  return silent === 0 ? reasons : [...reasons, 'silent'];
}

function linkOf(names: Names, id: number, all: readonly words.PlaneStrand[]): words.PlaneLink {
  const text = (key: string): string => names.text('link', id, key);
  const name = text('name');
  const own = all.filter(({ link }) => link === name);
  const usable = own.filter(({ state }) => state !== 'down').length;
  const held = own.every(({ state }) => state !== 'up');
  return {
    name,
    class: text('class'),
    network: text('network'),
    device: text('device'),
    state: own.length === 0 ? 'unused' : usable === 0 ? 'down' : held ? 'held' : 'up',
    strands: own.length,
    usable,
    addresses: [...new Set(own.map(({ local }) => local))],
    counters: sum(own.map(({ counters }) => counters)),
  };
}

function wireOf(maps: Maps, names: Names, generation: number, number: number): WireReading[] {
  const value = maps.map('wires').lookup(index(number));
  if (value === undefined) return [];
  const { flags, peer, policy, mtu, vni } = layout.wire.decode(value);
  if ((flags & wireFlags.used) === 0) return [];
  const texts = names.get('wire', number) ?? {};
  const { id = `#${String(number)}`, client = '', service = '', name = '' } = texts;
  const wire: words.PlaneWire = {
    number,
    id,
    client,
    service,
    interface: name,
    peer: names.text('peer', peer),
    policy: names.get('ruleset', rulesetRow(generation & 1, policy))?.['policy'] ?? '',
    leader: (flags & wireFlags.leader) !== 0,
    payload: (flags & wireFlags.ethernet) === 0 ? 'IP' : 'ETHERNET',
    mtu,
    vni,
    ...wireCountersAt(maps, number),
  };
  return [{ wire, policy }];
}

function ruleSetsOf(maps: Maps, names: Names, generation: number): words.PlaneRuleSet[] {
  const first = rulesetRow(generation & 1, 0);
  return names
    .ids('ruleset')
    .filter((row) => row >= first && row < first + limits.policies)
    .flatMap((row) => {
      const value = maps.map('rulesets').lookup(index(row));
      const { service = '', policy = '' } = names.get('ruleset', row) ?? {};
      if (value === undefined) return [];
      const { rules } = layout.ruleset.decode(value);
      const { name: _none, mark: _no, ...rest } = ruleOf(maps, names, row, layout.defaultRule);
      return {
        service,
        policy,
        rules: Array.from({ length: rules }, (_, at) => ruleOf(maps, names, row, at)),
        default: rest,
      };
    });
}

function ruleOf(maps: Maps, names: Names, row: number, at: number): words.PlaneRule {
  const id = row * limits.rules + at;
  const value = maps.map('rules').lookup(index(id)) ?? Buffer.alloc(layout.rule.size);
  const { class_id, mark } = layout.rule.decode(value);
  const { txPackets, txBytes } = countersAt(maps, 'rule_stats', id);
  return {
    name: names.text('rule', id),
    class: names.text('class', classKey(row, class_id)),
    mark: mark === layout.noMark ? null : dscpText(mark),
    txPackets,
    txBytes,
  };
}

/** The number of a class among names. */
export function classKey(row: number, classId: number): number {
  return ((row << 16) | classId) >>> 0;
}

function pinsOf(maps: Maps, names: Names, strands: ReadonlyMap<number, string>): words.PlanePin[] {
  return maps
    .map('pins')
    .entries()
    .map(([key, value]) => {
      const flow = layout.flow.decode(key);
      const { strand } = layout.pin.decode(value);
      return {
        wire: names.text('wire', flow.wire, 'id'),
        ...flowText(flow),
        strand: strands.get(strand) ?? `#${String(strand)}`,
      };
    });
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1;
}
