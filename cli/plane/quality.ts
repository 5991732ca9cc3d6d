// SPDX-License-Identifier: Apache-2.0
/**
 * What is known of links' quality: as the running forwarder judges it, else what of
 * it stands in the maps, where state is no more than who may use a strand.
 */
import type { Site } from '../../api/site/types.js';
import type {
  QualityAnswer,
  QualityLink,
  QualitySla,
  QualityTcp,
} from '../../forwarder/operator/quality-answer.js';
import { probeBytesADay } from '../../forwarder/quality/strand-meters.js';
import { overhead } from '../../forwarder/steering/strands.js';
import type { LinkState } from '../../forwarder/quality/states.js';
import { monthOf, usedIn, type Usage } from '../../forwarder/quality/usage.js';
import type { LinksReading } from './links-view.js';
import { measuredBetween, type Measured } from './measured.js';
import type { PlaneStrand } from './types.js';

/** Of one strand. */
export interface StrandQuality extends Measured {
  readonly state: LinkState;
  /** Milliseconds since 1970; null where nobody knows. */
  readonly since: number | null;
  readonly why: string;
  /** Classes whose SLA it breaks, and those that are kept from it; `everybody` for all. */
  readonly breaks: readonly string[];
  readonly keptFrom: readonly string[];
  readonly heldUntil: number | null;
  readonly intervalMs: number;
  /** What the devices would carry, and whether the strand's `mtu` was probed; null without a forwarder. */
  readonly deviceMtu: number | null;
  readonly mtuProbed: boolean | null;
  /** What TCP tells, where there is enough of it; null without a forwarder. */
  readonly tcp: QualityTcp | null;
  /** Of probes and their answers, the peer's too, as often as now. */
  readonly probeBytesADay: number;
}

/** Of one link: what its best strand measures, and what it costs. */
export interface LinkQuality extends Measured {
  readonly state: LinkState | null;
  readonly profile: string | null;
  readonly metered: boolean | null;
  readonly rateMbps: number | null;
  /** UTC, such as `2026-11`; bytes as the line carries them. */
  readonly month: string;
  readonly txBytes: number;
  readonly rxBytes: number;
  readonly capBytes: number | null;
  readonly probeBytesADay: number;
}

/** An SLA, the classes that have it, and how strands keep it. */
export interface SlaQuality extends QualitySla {
  readonly breaking: readonly string[];
  readonly keptFrom: readonly string[];
}

/** One read: what the maps say, and what else could be had. */
export interface QualityReading extends LinksReading {
  /** Milliseconds since 1970. */
  readonly wallMs: number;
  /** Nothing where the forwarder does not answer: then `reason` says why. */
  readonly answer: QualityAnswer | undefined;
  readonly reason: string | null;
  readonly prober: QualityAnswer['prober'];
  /** By SLA number, as `policy/class`; from the tables. */
  readonly classes: ReadonlyMap<number, readonly string[]>;
  /** The month's account until now, where there is no answer. */
  readonly usage: Usage;
  /** Of the file that was given. */
  readonly site: Site | undefined;
}

/** The best state first. */
const order = ['up', 'returning', 'degraded', 'unmeasured', 'held', 'down'] as const;
const nothing: Measured = {
  rttMs: null,
  jitterMs: null,
  lossPercent: null,
  lossOutPercent: null,
  lossBackPercent: null,
};

/** Of each strand, by its name. */
export function strandQualities(
  now: QualityReading,
  before?: QualityReading,
): ReadonlyMap<string, StrandQuality> {
  const earlier = new Map(before?.reading.plane.strands.map((one) => [one.id, one]));
  const told = new Map(now.answer?.strands.map((one) => [one.name, one]));
  return new Map(
    now.reading.plane.strands.map((strand) => {
      const { name } = strand;
      const found = told.get(name);
      const names = (numbers: readonly number[]): readonly string[] =>
        numbers.flatMap((number) => classesOf(now, number));
      if (found === undefined) {
        return [name, fromMaps(now, strand, earlier.get(strand.id), names)] as const;
      }
      const { state, since, why, heldUntil, intervalMs, largeIntervalMs, tcp } = found;
      const { deviceMtu, mtuProbed } = found;
      const { rttMs, jitterMs, lossPercent, lossOutPercent, lossBackPercent } = found;
      const quality: StrandQuality = {
        state,
        since,
        why: [why, strand.down.filter((one) => one !== 'silent').join(', ')]
          .filter(Boolean)
          .join(': '),
        rttMs,
        jitterMs,
        lossPercent,
        lossOutPercent,
        lossBackPercent,
        breaks: names(found.breaks),
        keptFrom: names(found.avoidedBy),
        heldUntil,
        intervalMs,
        deviceMtu,
        mtuProbed,
        tcp,
        probeBytesADay: costOf(strand, intervalMs, largeIntervalMs),
      };
      return [name, quality] as const;
    }),
  );
}

function fromMaps(
  now: QualityReading,
  strand: PlaneStrand,
  earlier: PlaneStrand | undefined,
  names: (numbers: readonly number[]) => readonly string[],
): StrandQuality {
  const { probes, down } = strand;
  const keptFrom = names(bitsOf(probes.avoid));
  const seconds = (ms: number | null): string =>
    ms === null ? '' : ` for ${(ms / 1000).toFixed(1)} s`;
  const why = [
    ...down.map((one) => (one === 'silent' ? `no answer${seconds(probes.answeredAgoMs)}` : one)),
    ...(strand.state === 'held' ? ['held back when last judged'] : []),
    ...(now.answer === undefined ? ['no forwarder'] : ['not judged yet']),
    ...(now.prober.running ? [] : ['no prober']),
  ].join(', ');
  const unmeasured = strand.state === 'up' && probes.answeredAgoMs === null;
  const since = probes.changedAgoMs === null ? null : now.wallMs - probes.changedAgoMs;
  return {
    state: unmeasured ? 'unmeasured' : strand.state,
    since: strand.state === 'held' ? null : since,
    why,
    ...measuredBetween(probes, earlier?.probes),
    // Who breaks an SLA is known only to who judges.
    breaks: [],
    keptFrom,
    heldUntil: null,
    intervalMs: probes.intervalMs,
    deviceMtu: null,
    mtuProbed: null,
    tcp: null,
    probeBytesADay: costOf(strand, probes.intervalMs),
  };
}

/** Of each link, by its name. */
export function linkQualities(
  now: QualityReading,
  strands: ReadonlyMap<string, StrandQuality>,
): ReadonlyMap<string, LinkQuality> {
  const told = new Map(now.answer?.links.map((one) => [one.name, one]));
  return new Map(
    now.reading.plane.links.map(({ name }) => {
      const own = now.reading.plane.strands.filter(({ link }) => link === name);
      const all = own.flatMap((one) => strands.get(one.name) ?? []).toSorted(better);
      const [best] = all;
      const { rttMs, jitterMs, lossPercent, lossOutPercent, lossBackPercent } = best ?? nothing;
      const quality: LinkQuality = {
        state: best?.state ?? null,
        rttMs,
        jitterMs,
        lossPercent,
        lossOutPercent,
        lossBackPercent,
        ...costsOf(now, name, told.get(name)),
        probeBytesADay: all.reduce((sum, one) => sum + one.probeBytesADay, 0),
      };
      return [name, quality] as const;
    }),
  );
}

function better(a: StrandQuality, b: StrandQuality): number {
  const states = order.indexOf(a.state) - order.indexOf(b.state);
  return states || (a.rttMs ?? Infinity) - (b.rttMs ?? Infinity) || 0;
}

function costsOf(now: QualityReading, name: string, told: QualityLink | undefined) {
  if (told !== undefined) {
    const { profile, metered, rateMbps, month, txBytes, rxBytes, capBytes } = told;
    return { profile, metered, rateMbps, month, txBytes, rxBytes, capBytes };
  }
  const month = monthOf(now.wallMs);
  const link = now.site?.links.find((one) => one.name === name);
  return {
    profile: link?.profile ?? null,
    metered: link === undefined ? null : link.billing === 'metered',
    rateMbps: link?.rateMbps ?? null,
    month,
    ...usedIn(now.usage, month, name),
    capBytes: link?.capGB === undefined ? null : link.capGB * 1e9,
  };
}

/** Of each SLA; from the maps only those that somebody is kept from. */
export function slaQualities(
  now: QualityReading,
  strands: ReadonlyMap<string, StrandQuality>,
): readonly SlaQuality[] {
  const strandsOf = (numbers: (id: number) => readonly number[], number: number): string[] =>
    now.reading.plane.strands
      .filter(({ id, name }) => strands.has(name) && numbers(id).includes(number))
      .map(({ name }) => name);
  const told = new Map(now.answer?.strands.map((one) => [one.id, one]));
  const words = new Map(now.reading.plane.strands.map(({ id, probes }) => [id, probes.avoid]));
  const slas: readonly QualitySla[] =
    now.answer?.slas ??
    [...now.classes].map(([number, classes]) => {
      return { number, classes, rttMs: null, jitterMs: null, lossPercent: null };
    });
  return slas.map((sla) => ({
    ...sla,
    breaking: strandsOf((id) => told.get(id)?.breaks ?? [], sla.number),
    keptFrom: strandsOf((id) => told.get(id)?.avoidedBy ?? bitsOf(words.get(id) ?? 0), sla.number),
  }));
}

function classesOf(now: QualityReading, number: number): readonly string[] {
  if (number === 0) return ['everybody'];
  const told = now.answer?.slas.find((one) => one.number === number)?.classes;
  return told ?? now.classes.get(number) ?? [`SLA ${String(number)}`];
}

/** The numbers of the bits that are set. */
export function bitsOf(word: number): readonly number[] {
  return Array.from({ length: 32 }, (_, bit) => bit).filter((bit) => (word >>> bit) & 1);
}

/** The peer's probes cost as much, each, as ours. */
function costOf(strand: PlaneStrand, intervalMs: number, largeIntervalMs = 0): number {
  const { bytes, sent, reflected } = strand.probes;
  const large = strand.mtu + overhead[strand.remote.includes(':') ? 6 : 4];
  const own = probeBytesADay(bytes, intervalMs) + probeBytesADay(large, largeIntervalMs);
  return Math.round(own * (1 + (sent > 0 ? reflected / sent : 0)));
}
