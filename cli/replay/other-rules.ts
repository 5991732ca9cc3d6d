// SPDX-License-Identifier: Apache-2.0
/** A recording as it would have begun with other SLAs, and with other numbers of its links. Pure. */
import type { Site, SteeringPolicy } from '../../api/site/types.js';
import type { EngineStrand, SlaGroup } from '../../forwarder/quality/engine.js';
import type { JournalRecord, SetupRecord } from '../../forwarder/quality/journal-record.js';
import { settingsOf } from '../../forwarder/quality/settings.js';
import { slaGroups } from '../../forwarder/quality/watched.js';
import { SlaNumbers } from '../../forwarder/steering/sla-numbers.js';

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
  const groups = policies && groupsOf(policies);
  return records.map((record) => {
    if (record.type !== 'setup') return record;
    const strands = record.strands.map((strand) => ofSite(strand, site));
    if (groups === undefined) return { ...record, strands };
    return { ...record, strands, groups, ...adoptedOf(record) };
  });
}

/** Links of recorded strands that the site does not have: they stay as recorded. */
export function unknownLinks(records: readonly JournalRecord[], site: Site): readonly string[] {
  const known = new Set(site.links.map(({ name }) => name));
  const all = records.flatMap((one) => (one.type === 'setup' ? one.strands : []));
  return [...new Set(all.map(({ link }) => link))].filter((link) => !known.has(link));
}

function groupsOf(policies: readonly SteeringPolicy[]): readonly SlaGroup[] {
  const numbers = new SlaNumbers();
  numbers.set(policies);
  return slaGroups(numbers.all);
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
