// SPDX-License-Identifier: Apache-2.0
/**
 * Judges strands: takes samples, says which strands are to be avoided and by
 * whom, how often each is probed, and why. Has no clock, no timer and no
 * randomness: the same samples give the same decisions.
 */
import type { EngineStrand, Sla, SlaGroup } from './engine-strand.js';
import { measured } from './history.js';
import { pace } from './pace.js';
import { PeerJudge } from './peer-judge.js';
import type { StrandSample } from './sample.js';
import type { QualityEvent, StrandState } from './states.js';
import { StrandJudge, type Moment } from './strand-judge.js';

/** What the engine is about. */
export type { EngineStrand, Sla, SlaGroup } from './engine-strand.js';

/** What to begin with. */
export interface EngineOptions {
  readonly strands: readonly EngineStrand[];
  readonly groups: readonly SlaGroup[];
  /** `avoid` words as a former life left them, by strand: what it held back stays held back. */
  readonly adopt?: ReadonlyMap<number, number>;
}

/** What is to be done now. Maps are by strand number and hold all strands. */
export interface StepResult {
  /** Bit 0: nobody uses it; bit n: SLA number n does not. */
  readonly avoid: ReadonlyMap<number, number>;
  readonly intervalsMs: ReadonlyMap<number, number>;
  /** What goes with these intervals into `detect_us`. */
  readonly detectionsMs: ReadonlyMap<number, number>;
  readonly states: ReadonlyMap<number, StrandState>;
  /** What was decided in this step. */
  readonly events: readonly QualityEvent[];
  /** Strands in doubt: step again in 100 ms rather than 200 while there are any. */
  readonly doubted: ReadonlySet<number>;
  /** The prober is stopped: nothing is judged. */
  readonly frozen: boolean;
  /** Strands whose sample a journal must have, that the step can be replayed. */
  readonly kept: readonly number[];
}

/** Without a probe for this long, in milliseconds and in probes at the slowest, the prober is stopped. */
const stoppedMs = 1000;
const stoppedProbes = 5;

/** See the head of this file. */
export class Engine {
  #judges = new Map<number, StrandJudge>();
  readonly #peers = new Map<string, PeerJudge>();
  #groups: readonly SlaGroup[] = [];
  readonly #adopt: ReadonlyMap<number, number>;
  #second = -1;
  #frozenMs: number | undefined;
  #nowMs = 0;

  constructor({ strands, groups, adopt = new Map() }: EngineOptions) {
    this.#adopt = adopt;
    this.setStrands(strands);
    this.setGroups(groups);
  }

  /** Strands come and go; those that stay keep their history. */
  setStrands(strands: readonly EngineStrand[]): void {
    const before = this.#judges;
    this.#judges = new Map();
    for (const peer of this.#peers.values()) peer.judges = [];
    for (const strand of strands.toSorted((a, b) => a.id - b.id)) {
      const found = before.get(strand.id);
      const isSame = found?.strand.name === strand.name && found.strand.peer === strand.peer;
      const adopted = found === undefined ? (this.#adopt.get(strand.id) ?? 0) : 0;
      const judge = isSame ? found : new StrandJudge(strand, this.#nowMs, adopted);
      judge.strand = strand;
      this.#judges.set(strand.id, judge);
      const peer = this.#peers.get(strand.peer) ?? new PeerJudge();
      this.#peers.set(strand.peer, peer);
      peer.judges.push(judge);
    }
    for (const [name, { judges }] of this.#peers) if (judges.length === 0) this.#peers.delete(name);
  }

  /** Other SLAs; a number with the same SLA as before keeps what was found. */
  setGroups(groups: readonly SlaGroup[]): void {
    for (const { number, sla } of this.#groups) {
      const now = groups.find((group) => group.number === number)?.sla;
      if (now !== undefined && isSameSla(now, sla)) continue;
      for (const judge of this.#judges.values()) judge.breaches.forget(number);
      for (const { leastBad } of this.#peers.values()) leastBad.forgetSla(number);
    }
    this.#groups = groups.toSorted((a, b) => a.number - b.number);
  }

  /**
   * Judge. `nowMs` is when the samples were taken, of a clock that never goes
   * back. A strand without a sample is as it was.
   */
  step(nowMs: number, samples: readonly StrandSample[]): StepResult {
    this.#nowMs = nowMs;
    const events: QualityEvent[] = [];
    const byId = new Map(samples.map((sample) => [sample.strand, sample]));
    const second = Math.floor(nowMs / 1000);
    const moment: Moment = {
      nowMs,
      isSecond: second !== this.#second,
      isFrozen: this.#freeze(nowMs, samples, events),
      groups: this.#groups,
      tell: (event) => events.push(event),
    };
    this.#second = second;
    for (const peer of this.#peers.values()) {
      peer.listen(moment, byId);
    }
    const sampled = [...this.#judges.values()].filter(({ strand }) => byId.has(strand.id));
    for (const judge of sampled) {
      const sample = byId.get(judge.strand.id);
      if (sample !== undefined) judge.step(sample, moment);
    }
    const spared = new Map<PeerJudge, ReadonlyMap<number, number>>();
    for (const peer of this.#peers.values()) spared.set(peer, peer.settle(moment));
    const kept = sampled.filter((judge) => judge.isNoted || events.length > 0);
    for (const judge of kept) judge.keep(moment.isSecond);
    return {
      ...this.#result(spared, moment),
      events,
      frozen: moment.isFrozen,
      kept: kept.map(({ strand }) => strand.id),
    };
  }

  /** Is the prober stopped? Says so once. */
  #freeze(nowMs: number, samples: readonly StrandSample[], events: QualityEvent[]): boolean {
    const ages = samples.map(({ sentAgoMs }) => sentAgoMs).filter((ago) => ago !== undefined);
    if (ages.length === 0) return this.#frozenMs !== undefined;
    const intervals = samples.map(({ strand }) => slowest(this.#judges.get(strand)?.strand));
    const limit = Math.max(stoppedMs, stoppedProbes * Math.min(...intervals));
    const age = Math.min(...ages);
    if (this.#frozenMs === undefined && age > limit) {
      this.#frozenMs = nowMs;
      const why = `no probe was sent for ${age.toFixed(0)} ms: strands stay as they are`;
      events.push({ atMs: nowMs, kind: 'frozen', why });
    } else if (this.#frozenMs !== undefined && age <= limit) {
      const forMs = nowMs - this.#frozenMs;
      this.#frozenMs = undefined;
      for (const judge of this.#judges.values()) judge.postpone(forMs);
      const why = `probes are sent again, after ${(forMs / 1000).toFixed(1)} s`;
      events.push({ atMs: nowMs, kind: 'thawed', why });
    }
    return this.#frozenMs !== undefined;
  }

  #result(
    spared: ReadonlyMap<PeerJudge, ReadonlyMap<number, number>>,
    { nowMs }: Moment,
  ): Pick<StepResult, 'avoid' | 'intervalsMs' | 'detectionsMs' | 'states' | 'doubted'> {
    const avoid = new Map<number, number>();
    const intervalsMs = new Map<number, number>();
    const detectionsMs = new Map<number, number>();
    const states = new Map<number, StrandState>();
    const doubted = new Set<number>();
    for (const [peer, choices] of spared) {
      for (const judge of peer.judges) {
        const { id, settings, metered } = judge.strand;
        const isDoubted = judge.isDoubted(nowMs);
        if (isDoubted) doubted.add(id);
        const others = peer.judges.filter((one) => one !== judge);
        const paced = pace({
          settings,
          metered,
          isIdle: judge.sample?.idle ?? false,
          isSpare: others.some((one) => one.isWell(nowMs)),
          isDoubted,
          windows: judge.windows,
        });
        intervalsMs.set(id, paced.intervalMs);
        detectionsMs.set(id, paced.detectionMs);
        const state = stateOf(judge, choices);
        states.set(id, state);
        avoid.set(id, avoidOf(judge, state));
      }
    }
    return { avoid, intervalsMs, detectionsMs, states, doubted };
  }
}

/** Between two probes of a strand at most. */
function slowest(strand: EngineStrand | undefined): number {
  if (strand === undefined) return Infinity;
  const { settings, metered } = strand;
  return metered ? Math.max(settings.intervalMs, settings.idleIntervalMs) : settings.intervalMs;
}

function stateOf(judge: StrandJudge, choices: ReadonlyMap<number, number>): StrandState {
  const { strand, state, sinceMs, why, breaches, heldUntilMs } = judge;
  const breaks = breaches.numbers;
  return {
    ...measured(judge.recent(strand.settings.longWindowMs)),
    strand: strand.id,
    state,
    sinceMs,
    why,
    breaks,
    spared: breaks.filter((number) => choices.get(number) === strand.id),
    ...(state === 'held' && { heldUntilMs }),
  };
}

/** Bit 0 for whom nobody may use, and a bit for each SLA that it breaks and is not spared for. */
function avoidOf(judge: StrandJudge, { breaks, spared }: StrandState): number {
  const isAvoided = judge.state === 'down' || judge.state === 'held' || judge.isPassedOver;
  return breaks
    .filter((number) => !spared.includes(number))
    .reduce((word, number) => (word | (1 << number)) >>> 0, isAvoided ? 1 : 0);
}

function isSameSla(one: Sla, other: Sla): boolean {
  return (['rttMs', 'jitterMs', 'lossPercent'] as const).every((key) => one[key] === other[key]);
}
