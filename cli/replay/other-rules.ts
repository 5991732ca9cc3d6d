// SPDX-License-Identifier: Apache-2.0
/** A recording as it would have begun with other SLAs, and with other numbers of its links. Pure. */
import type { Site, SteeringPolicy } from '../../api/site/types.js';
import type { EngineStrand, SlaGroup } from '../../forwarder/quality/engine.js';
import type { JournalRecord, SetupRecord } from '../../forwarder/quality/journal-record.js';
import { settingsOf } from '../../forwarder/quality/settings.js';
import { type NumberedSla, SlaNumbers } from '../../forwarder/steering/sla-numbers.js';
import { levelsOf } from '../../forwarder/steering/slots.js';

/** What is other than it was; undefined: as recorded. */
export interface OtherRules {
  readonly policies: readonly SteeringPolicy[] | undefined;
  readonly site: Site | undefined;
}

/** The same records with other setups; INVALID_ARGUMENT where the policies have too many SLAs. */
export function withRules(
  records: readonly JournalRecord[],
  { policies, site }: OtherRules,
): readonly JournalRecord[] {
  const numbers = new SlaNumbers();
  numbers.set(policies ?? []);
  return records.map((record) => {
    if (record.type !== 'setup') return record;
    const strands = record.strands.map((strand) => ofSite(strand, site));
    if (policies === undefined) return { ...record, strands };
    const groups = numbers.all.map((sla): SlaGroup => {
      const own =
        site === undefined
          ? usedBefore(sla, record)
          : usedBy(sla, policies, numbers, strands, site);
      return { ...sla, ...(own === undefined ? {} : { strands: own }) };
    });
    return { ...record, strands, groups, ...adoptedOf(record) };
  });
}

/** Links of recorded strands that the site does not have: they stay as recorded. */
export function unknownLinks(records: readonly JournalRecord[], site: Site): readonly string[] {
  const known = new Set(site.links.map(({ name }) => name));
  const all = records.flatMap((one) => (one.type === 'setup' ? one.strands : []));
  return [...new Set(all.map(({ link }) => link))].filter((link) => !known.has(link));
}

/** Strands that classes of the same names could use then; all where that is not known. */
function usedBefore(
  { names }: NumberedSla,
  { groups }: SetupRecord,
): readonly number[] | undefined {
  const same = groups.filter((group) => group.names.some((name) => names.includes(name)));
  const known = same.map(({ strands }) => strands).filter((strands) => strands !== undefined);
  return known.length === 0 || known.length < same.length ? undefined : [...new Set(known.flat())];
}

/** Strands that its classes may go to, by the site's links; of each peer by itself. */
function usedBy(
  { number }: NumberedSla,
  policies: readonly SteeringPolicy[],
  numbers: SlaNumbers,
  strands: readonly EngineStrand[],
  { links }: Site,
): readonly number[] {
  const found = new Set<number>();
  for (const peer of new Set(strands.map((strand) => strand.peer))) {
    const own = strands.flatMap(({ id, link: name, peer: to }) => {
      const link = links.find((one) => one.name === name);
      return to === peer && link !== undefined ? [{ id, link }] : [];
    });
    for (const policy of policies) {
      for (const [name, of] of numbers.of(policy)) {
        if (of !== number) continue;
        const { levels, soft } = levelsOf(name, policy, own);
        for (const id of levels.slice(0, soft).flat()) found.add(id);
      }
    }
  }
  return [...found].toSorted((a, b) => a - b);
}

function ofSite(strand: EngineStrand, site: Site | undefined): EngineStrand {
  const link = site?.links.find(({ name }) => name === strand.link);
  if (link === undefined) return strand;
  return { ...strand, settings: settingsOf(link), metered: link.billing === 'metered' };
}

/** What was held back from everybody still was; the other bits are numbers of other SLAs. */
function adoptedOf({ adopt }: SetupRecord): Pick<SetupRecord, 'adopt'> {
  if (adopt === undefined) return {};
  return { adopt: adopt.map(([strand, word]) => [strand, word & 1] as const) };
}
