// SPDX-License-Identifier: Apache-2.0
/**
 * Writes one bank of the plane's tables: every rule set, every peer's slots,
 * what each client's labels allow. The bank in force is only added to.
 */
import type { SteeringPolicy } from '../../api/site/types.js';
import * as layout from '../../bpf/loader/layout.js';
import type { CompiledRules } from './compile.js';
import type { Peer } from './peers.js';
import type { Plane } from './plane.js';
import { levelsOf } from './slots.js';
import type { SteeredWire } from './wire.js';

/** The rule set of one service. */
export interface RuleSet {
  /** Its place in the tables, the same in every generation. */
  readonly id: number;
  readonly service: string;
  readonly policy: SteeringPolicy;
  readonly compiled: CompiledRules;
  /** The number of each class's SLA; none where it has none. */
  readonly slas: ReadonlyMap<string, number>;
}

/** A wire, as far as tables know it. */
export interface LabelledWire {
  readonly number: number;
  readonly ruleSet: number;
  readonly wire: Pick<SteeredWire, 'labels' | 'identity'>;
}

/** All that a bank holds. */
export interface BankContent {
  readonly ruleSets: readonly RuleSet[];
  readonly peers: readonly Peer[];
  readonly wires: readonly LabelledWire[];
}

const { limits, rulesetRow, criterionTable } = layout;
const labelled = 1 << layout.dimensions.labels;

/** Write the bank anew. It must not be in force. */
export function writeBank(plane: Plane, bank: number, content: BankContent): void {
  const { tables } = plane;
  tables.criteria.deleteWhere(({ table }) => table >>> 16 === bank);
  tables.classes.deleteWhere((key) => key.bank === bank);
  tables.wireRules.deleteWhere((key) => key.bank === bank);
  for (const ruleSet of content.ruleSets) writeRuleSet(plane, bank, ruleSet);
  for (const peer of content.peers) addPeer(plane, bank, peer, content.ruleSets);
  const byId = new Map(content.ruleSets.map((one) => [one.id, one]));
  tables.wireRules.setMany(content.wires.flatMap((wire) => wireRules(bank, wire, byId)));
}

/** Add a peer's slots to a bank, also to the one in force. */
export function addPeer(
  plane: Plane,
  bank: number,
  peer: Peer,
  ruleSets: readonly RuleSet[],
): void {
  const strands = peer.strands.map(({ id, link }) => ({ id, link: link.config }));
  const entries = ruleSets.flatMap(({ id: policy, policy: text, compiled, slas }) =>
    compiled.classNames.map((name, class_id) => {
      const { levels, soft } = levelsOf(name, text, strands);
      const sla = slas.get(name) ?? 0;
      return [
        { bank, peer: peer.id, policy, class_id },
        { levels: levels.length, soft, sla, slots: levels.flat() },
      ] as const;
    }),
  );
  plane.tables.classes.setMany(entries);
}

/** Add a wire's labels to a bank, also to the one in force. */
export function addWire(plane: Plane, bank: number, wire: LabelledWire, ruleSet: RuleSet): void {
  plane.tables.wireRules.setMany(wireRules(bank, wire, new Map([[ruleSet.id, ruleSet]])));
}

function wireRules(
  bank: number,
  { number, ruleSet, wire: { labels, identity } }: LabelledWire,
  byId: ReadonlyMap<number, RuleSet>,
) {
  const compiled = byId.get(ruleSet)?.compiled;
  if (compiled === undefined || (compiled.dimensionsMask & labelled) === 0) return [];
  return [[{ wire: number, bank }, { word: compiled.labelBits(labels, identity) }] as const];
}

function writeRuleSet(
  plane: Plane,
  bank: number,
  { id, service, policy, compiled }: RuleSet,
): void {
  const { tables } = plane;
  const row = rulesetRow(bank, id);
  const { rules, criteria, exact, classNames } = compiled;
  tables.rules.setMany([
    ...rules.map(
      ({ classId, mark }, at) =>
        [{ value: row * limits.rules + at }, { class_id: classId, mark }] as const,
    ),
    [
      { value: row * limits.rules + layout.defaultRule },
      { class_id: compiled.defaultClass, mark: layout.noMark },
    ],
  ]);
  tables.exact.setMany(
    [...exact].map(([at, word]) => [{ value: row * limits.exact + at }, { word }] as const),
  );
  tables.criteria.setMany(
    criteria.map(
      ({ dimension, length, data, bits }) =>
        [
          { length: 32 + length, table: criterionTable(bank, id, dimension), data },
          { word: bits },
        ] as const,
    ),
  );
  // Counted anew: what counted before was another rule.
  zeroRules(plane, row * limits.rules, rules.length);
  tables.rulesets.set(
    { value: row },
    {
      rules: rules.length,
      default_class: compiled.defaultClass,
      dimensions: compiled.dimensionsMask,
    },
  );
  plane.setName('ruleset', row, { service, policy: policy.name });
  nameAll(plane, 'class', (row << 16) >>> 0, classNames);
  nameAll(
    plane,
    'rule',
    row * limits.rules,
    policy.rules.map((rule) => rule.name),
  );
}

function zeroRules(plane: Plane, from: number, count: number): void {
  const { ruleStats } = plane;
  const nothing = Buffer.alloc(ruleStats.possibleCpus * layout.stats.size);
  const rows = [...Array.from({ length: count }, (_, at) => from + at), from + layout.defaultRule];
  ruleStats.updateBatch(
    rows.map((value) => layout.number32.encode({ value })),
    rows.map(() => nothing),
  );
}

/** Numbers from `from` on are these and no more. */
function nameAll(
  plane: Plane,
  kind: 'class' | 'rule',
  from: number,
  names: readonly string[],
): void {
  names.forEach((name, at) => {
    plane.setName(kind, from + at, { name });
  });
  const end = kind === 'class' ? 0x1_0000 : limits.rules;
  for (let at = names.length; at < end && plane.nameOf(kind, from + at); at++) {
    plane.setName(kind, from + at, undefined);
  }
}
