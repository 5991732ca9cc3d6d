// SPDX-License-Identifier: Apache-2.0
/**
 * The life of one strand: unmeasured, up, degraded, down, held, returning. Knows
 * nothing of other strands; what depends on them is told to it by the engine.
 */
import { Breaches } from './breaches.js';
import type { EngineStrand, SlaGroup } from './engine-strand.js';
import { Suspicion } from './evidence.js';
import { History, measured, type Tally, type Windows } from './history.js';
import { HoldDown } from './hold-down.js';
import type { StrandSample } from './sample.js';
import type { LinkState, Measured, StrandEvent } from './states.js';
import { judge } from './verdict.js';

/** What a step is about, beside the sample. */
export interface Moment {
  readonly nowMs: number;
  /** The first step of its second. */
  readonly isSecond: boolean;
  readonly isFrozen: boolean;
  readonly groups: readonly SlaGroup[];
  tell(event: StrandEvent): void;
}

/** See the head of this file. */
export class StrandJudge {
  strand: EngineStrand;
  state: LinkState = 'unmeasured';
  sinceMs = 0;
  why = 'no probe yet';
  /** The newest sample, kept or not. */
  sample: StrandSample | undefined;
  /** Why it counts as dead though the prober does not say so. */
  suspicion: string | undefined;
  /** It never answered, and others of its peer do. */
  isPassedOver = false;
  /** When its first probe was seen to have gone out. */
  firstProbeMs: number | undefined;
  readonly breaches = new Breaches();
  readonly history = new History();
  /** Its sample of this step matters for later ones. */
  isNoted = false;
  heldUntilMs = 0;
  /** The newest windows; nothing while it does not answer. */
  windows: Windows | undefined;
  readonly #hold = new HoldDown();
  readonly #suspicion = new Suspicion();
  #returnedMs = 0;
  #doubtMs = -Infinity;
  #silences = 0;
  #adopt: number;

  constructor(strand: EngineStrand, nowMs: number, adopt: number) {
    this.strand = strand;
    this.sinceMs = nowMs;
    this.#adopt = adopt;
  }

  /** It answers, and nothing is wrong with its link. */
  get isAlive(): boolean {
    return this.state !== 'unmeasured' && this.state !== 'down';
  }

  /** Sessions may be on it. */
  get isInUse(): boolean {
    return this.isAlive && this.state !== 'held';
  }

  /** Up, and no reason to look closer. */
  isWell(nowMs: number): boolean {
    return this.state === 'up' && !this.isDoubted(nowMs);
  }

  /** Was it in doubt within the long window before now? */
  isDoubted(nowMs: number): boolean {
    return nowMs - this.#doubtMs < this.strand.settings.longWindowMs;
  }

  /** What the last long window told. */
  measured(): Measured {
    return measured(this.recent(this.strand.settings.longWindowMs));
  }

  /** What happened in the last `windowMs`, also before it failed last. */
  recent(windowMs: number): Tally | undefined {
    return this.sample && this.history.window(this.sample, windowMs, 0, true);
  }

  /** Take a sample. */
  step(sample: StrandSample, moment: Moment): void {
    this.isNoted = moment.isSecond;
    if (!this.history.fits(sample)) this.history.clear();
    const isFirst = this.sample === undefined;
    const blips = isFirst ? 0 : sample.silences - this.#silences;
    this.sample = sample;
    this.#silences = sample.silences;
    if (isFirst) this.isNoted = true;
    if (sample.sent > 0 && this.firstProbeMs === undefined) {
      this.firstProbeMs = moment.nowMs;
      this.isNoted = true;
    }
    const dead = this.#dead(sample);
    if (this.state !== 'down' && dead !== undefined) this.#fall(dead, moment);
    else if (this.state === 'down' && dead === undefined) this.#rise(sample, moment);
    else if (this.state === 'down') this.why = dead ?? this.why;
    else if (this.state === 'unmeasured') this.#first(sample, moment);
    else if (blips > 0 && !moment.isFrozen) {
      this.#fall('nothing was answered for a moment', moment);
      this.#rise(sample, moment);
    }
    if (this.isAlive && !moment.isFrozen) this.#judge(sample, moment);
    else this.windows = undefined;
  }

  /** After the step, where its sample matters. */
  keep(isSecond: boolean): void {
    if (this.sample === undefined) return;
    const { longWindowMs, recoverWindowMs } = this.strand.settings;
    // A second more: windows begin at a sample, and of old ones there is one a second.
    this.history.keep(this.sample, isSecond, longWindowMs + 1000, recoverWindowMs + 1000);
  }

  /** Trust it at once, without the rest of its hold-down. */
  trust(why: string, moment: Moment): void {
    this.#hold.trusted(moment.nowMs);
    this.#returnedMs = moment.nowMs;
    this.#become(this.breaches.isNone ? 'returning' : 'degraded', why, moment);
  }

  /** Time during which nothing was judged does not count. */
  postpone(forMs: number): void {
    this.heldUntilMs += forMs;
    this.#returnedMs += forMs;
    this.breaches.postpone(forMs);
    if (this.sample !== undefined) this.history.mark(this.sample.atMs);
  }

  /** Tell of it, in the state that it is in. */
  tell(kind: StrandEvent['kind'], from: LinkState, why: string, moment: Moment, sla?: string) {
    const { id, name, link, peer } = this.strand;
    moment.tell({
      atMs: moment.nowMs,
      kind,
      strand: id,
      name,
      link,
      peer,
      from,
      to: this.state,
      why,
      measured: this.measured(),
      ...(sla !== undefined && { sla }),
    });
  }

  #dead(sample: StrandSample): string | undefined {
    if (sample.hardDown) return (sample.reasons ?? ['its link cannot be used']).join(', ');
    if (sample.silent) {
      const { answeredAgoMs } = sample;
      if (answeredAgoMs === undefined) return 'nothing is answered';
      return `nothing has been answered for ${answeredAgoMs.toFixed(0)} ms`;
    }
    return this.suspicion;
  }

  #become(state: LinkState, why: string, moment: Moment): void {
    const from = this.state;
    this.state = state;
    this.sinceMs = moment.nowMs;
    this.why = why;
    this.tell(state, from, why, moment);
  }

  #fall(why: string, moment: Moment): void {
    if (this.isInUse) this.#hold.failed(moment.nowMs);
    this.#become('down', why, moment);
  }

  /** It answers again, or may again. */
  #rise(sample: StrandSample, moment: Moment): void {
    this.history.mark(moment.nowMs);
    this.isPassedOver = false;
    if (sample.answeredAgoMs === undefined) {
      this.firstProbeMs = moment.nowMs;
      this.#become('unmeasured', 'no probe was answered yet', moment);
      return;
    }
    this.heldUntilMs = moment.nowMs + this.#hold.lengthMs(this.strand.settings);
    const seconds = ((this.heldUntilMs - moment.nowMs) / 1000).toFixed(0);
    this.#become('held', `answers again, held back for ${seconds} s`, moment);
  }

  /** A strand that never answered, as far as is known. */
  #first(sample: StrandSample, moment: Moment): void {
    if (sample.answeredAgoMs === undefined) {
      if (!this.isPassedOver) this.why = 'no probe was answered yet';
      return;
    }
    const adopted = this.#adopt;
    this.#adopt = 0;
    for (const { number } of moment.groups) {
      if ((adopted & (1 << number)) === 0) continue;
      const why = 'was so before the forwarder started';
      this.breaches.add(number, why, moment.nowMs, this.strand.settings);
    }
    if ((adopted & 1) !== 0) {
      this.heldUntilMs = moment.nowMs + this.strand.settings.holdDownMs;
      this.#become('held', 'was held back before the forwarder started', moment);
    } else if (this.isPassedOver) {
      this.isPassedOver = false;
      this.trust('its first answer', moment);
    } else if (!this.breaches.isNone) {
      this.#become('degraded', this.breaches.text, moment);
    } else {
      this.#become('up', 'answers', moment);
    }
  }

  #judge(sample: StrandSample, moment: Moment): void {
    const { nowMs, groups } = moment;
    const { settings } = this.strand;
    this.windows = this.history.windows(sample, settings.shortWindowMs, settings.longWindowMs);
    // What is only somewhat too much takes longer to be told from chance.
    const longer = moment.isSecond ? this.history.longerWindows(sample, settings) : [];
    const seen = this.windows === undefined ? [] : [this.windows, ...longer];
    const wasDoubted = this.isDoubted(nowMs);
    let isSuspected = false;
    for (const group of groups) {
      if (!concerns(group, this.strand)) {
        this.breaches.forget(group.number);
        continue;
      }
      if (this.breaches.has(group.number)) {
        // Once a second is enough for what takes half a minute.
        if (moment.isSecond) this.#recover(group, sample, moment);
        continue;
      }
      const verdicts = seen.map((windows) => judge(windows, group.sla));
      if (verdicts.some(({ isDoubted }) => isDoubted)) this.#doubtMs = nowMs;
      isSuspected ||= verdicts.some((verdict) => verdict.isSuspected);
      const why = verdicts.find(({ broken }) => broken !== undefined)?.broken;
      if (why !== undefined) {
        this.breaches.add(group.number, why, nowMs, settings);
        this.#settle(why, group, moment);
      }
    }
    if (this.#suspicion.update(isSuspected, nowMs)) this.isNoted = true;
    if (this.#suspicion.isFresh(nowMs, settings.recoverWindowMs)) this.#doubtMs = nowMs;
    if (wasDoubted || this.isDoubted(nowMs)) this.isNoted = true;
    this.#goOn(moment);
  }

  /** Trust it again with this SLA, where it has kept it long enough. */
  #recover(group: SlaGroup, sample: StrandSample, moment: Moment): void {
    const { recoverWindowMs } = this.strand.settings;
    const { history, windows, breaches } = this;
    const keptMs = breaches.keptMs(group, sample, history, windows, recoverWindowMs);
    if (keptMs === undefined) return;
    breaches.close(group.number, moment.nowMs);
    const why = `has kept the SLA for ${(keptMs / 1000).toFixed(0)} s`;
    if (breaches.isNone && this.state === 'degraded') {
      this.#returnedMs = moment.nowMs;
      this.#become('returning', why, moment);
    } else {
      this.why = this.breaches.text;
      this.tell('recovered', this.state, why, moment, group.names.join(', '));
    }
  }

  /** It breaks one more SLA: say so, whatever state it is in. */
  #settle(why: string, group: SlaGroup, moment: Moment): void {
    const from = this.state;
    if (this.state !== 'held') {
      if (this.state !== 'degraded') this.sinceMs = moment.nowMs;
      this.state = 'degraded';
      this.why = this.breaches.text;
    }
    this.tell('degraded', from, why, moment, group.names.join(', '));
  }

  /** What only takes time. */
  #goOn(moment: Moment): void {
    const { nowMs } = moment;
    const { settings } = this.strand;
    if (this.state === 'held' && nowMs >= this.heldUntilMs) {
      const seconds = ((nowMs - this.sinceMs) / 1000).toFixed(0);
      this.trust(`has answered for ${seconds} s`, moment);
    } else if (this.state === 'returning' && nowMs >= this.#returnedMs + settings.holdDownMs) {
      this.#become('up', 'answers, and keeps every SLA', moment);
    } else if (this.state === 'degraded' && this.breaches.isNone) {
      this.#returnedMs = nowMs;
      this.#become('returning', 'its SLA is another', moment);
    }
  }
}

/** May the classes of this SLA use the strand? */
export function concerns(group: SlaGroup, strand: EngineStrand): boolean {
  return group.strands?.includes(strand.id) ?? true;
}
