// SPDX-License-Identifier: Apache-2.0
/**
 * Which rule a packet fits by the tables alone, as `bpf/include/classify.h` has
 * it: for when the policy's text is not known, because no forwarder answers.
 */
import * as layout from '../../bpf/loader/layout.js';
import { index, type Maps } from '../plane/maps.js';
import type { Names } from '../plane/names.js';
import { classKey } from '../plane/read.js';
import { protocolsWithPorts } from '../../api/site/traffic.js';
import type { Packet } from './packet.js';
import type { Looked, RuleAnswer } from './rule.js';

const { dimensions, limits, rulesetRow } = layout;

/** Whose tables. */
export interface TableRow {
  readonly generation: number;
  /** Place of the rule set. */
  readonly policy: number;
  readonly wire: number;
}

interface Dimension {
  readonly number: number;
  /** Why a rule that it rules out does not fit. */
  readonly why: string;
  readonly bits: () => Buffer | undefined;
}

/** See the head of this file. Nothing where there are no tables: such a packet is dropped. */
export function ruleByTables(
  maps: Pick<Maps, 'map'>,
  names: Pick<Names, 'text'>,
  row: TableRow,
  packet: Pick<Packet, 'flow' | 'dscp' | 'family'>,
): RuleAnswer | undefined {
  const at = rulesetRow(row.generation & 1, row.policy);
  const found = maps.map('rulesets').lookup(index(at));
  if (row.generation === 0 || found === undefined) return undefined;
  const set = layout.ruleset.decode(found);
  const classNameOf = (id: number): string => names.text('class', classKey(at, id));
  const asked: { readonly why: string; readonly word: readonly bigint[] }[] = [];
  for (const { number, why, bits } of dimensionsOf(maps, row, packet)) {
    if (set.rules === 0 || (set.dimensions & (1 << number)) === 0) continue;
    const value = bits();
    if (value === undefined) return undefined;
    asked.push({ why, word: layout.bits.decode(value).word });
  }
  const looked: Looked[] = [];
  for (let rule = 0; rule < set.rules; rule++) {
    const not = asked.filter(({ word }) => !has(word, rule)).map(({ why }) => why);
    const why = not.length === 0 ? null : not.join('; ');
    looked.push({ rule: names.text('rule', at * limits.rules + rule), match: '', why });
    if (why !== null) continue;
    const value = maps.map('rules').lookup(index(at * limits.rules + rule));
    if (value === undefined) return undefined;
    const { class_id: classId, mark } = layout.rule.decode(value);
    return { looked, rule, classId, className: classNameOf(classId), mark };
  }
  const classId = set.default_class;
  const rest = { rule: layout.defaultRule, className: classNameOf(classId), mark: layout.noMark };
  return { looked, classId, ...rest };
}

function has(word: readonly bigint[], rule: number): boolean {
  return (((word[rule >> 6] ?? 0n) >> BigInt(rule & 63)) & 1n) === 1n;
}

function dimensionsOf(
  maps: Pick<Maps, 'map'>,
  { generation, policy, wire }: TableRow,
  { flow, dscp, family }: Pick<Packet, 'flow' | 'dscp' | 'family'>,
): readonly Dimension[] {
  const bank = generation & 1;
  const at = rulesetRow(bank, policy) * limits.exact;
  const exact = (value: number) => (): Buffer | undefined =>
    maps.map('exact').lookup(index(at + value));
  const prefix =
    (dimension: number, length: number, data: Uint8Array) => (): Buffer | undefined => {
      const table = layout.criterionTable(bank, policy, dimension);
      return maps.map('criteria').lookup(layout.criterion.encode({ length, table, data }));
    };
  const address = (dimension: number, of: Uint8Array) =>
    prefix(dimension, family === 4 ? 64 : 160, family === 4 ? of.subarray(12) : of);
  const port = (dimension: number, of: Uint8Array) =>
    prefix(dimension, protocolsWithPorts.has(flow.protocol) ? 48 : 32, of);
  const [source, destination] =
    family === 4
      ? [dimensions.source4, dimensions.destination4]
      : [dimensions.source6, dimensions.destination6];
  const labels = layout.wireBank.encode({ wire, bank });
  const { sourcePort, destinationPort } = dimensions;
  return [
    { number: dimensions.protocol, why: 'not its protocol', bits: exact(64 + flow.protocol) },
    { number: dimensions.dscp, why: 'not its DSCP', bits: exact(dscp) },
    {
      number: dimensions.labels,
      why: "not its client's labels or identity",
      bits: () => maps.map('wire_rules').lookup(labels),
    },
    { number: source, why: 'not its source', bits: address(source, flow.source) },
    {
      number: sourcePort,
      why: 'not its source port',
      bits: port(sourcePort, flow.source_port),
    },
    {
      number: destination,
      why: 'not its destination',
      bits: address(destination, flow.destination),
    },
    {
      number: destinationPort,
      why: 'not its destination port',
      bits: port(destinationPort, flow.destination_port),
    },
  ];
}
