// SPDX-License-Identifier: Apache-2.0
/**
 * The loop: reads what was measured, lets the engine judge it, stores what that
 * says, tells of it. Nothing here waits, and no packet waits for it.
 *
 * Leaves: the words `avoid` and the wishes for probes, which hold on without us; the
 * next life's engine begins with them.
 */
import type { Clock, Timer } from '../../api/chain/clock.js';
import type { Logger } from '../../api/log/log.js';
import { downReasons } from '../../bpf/loader/layout.js';
import type { QualityAnswer, QualityProber } from '../operator/quality-answer.js';
import { monotonicNs } from '../steering/epoch.js';
import type { Plane } from '../steering/plane.js';
import type { Steering } from '../steering/steering.js';
import { heldBack } from '../steering/strand-words.js';
import type { Link } from '../underlay/link.js';
import { qualityAnswer } from './answer.js';
import { Engine, type StepResult } from './engine.js';
import type { FigureStrand } from './figures.js';
import type { Journal } from './journal.js';
import type { JournalRecord, SetupRecord } from './journal-record.js';
import { meteredStrands } from './metered-strands.js';
import { PathMtus } from './path-mtus.js';
import { Roster } from './roster.js';
import { Sampling } from './sampling.js';
import { sessionCounts, sessionsOf } from './session-counts.js';
import { settingsOf } from './settings.js';
import type { QualityEvent } from './states.js';
import { Stranded, type SessionCount } from './stranded.js';
import type { UsageFile } from './usage-file.js';
import { probeWish, type WatchedStrand } from './watched.js';

/** Who sees to it that probes are sent. */
export interface ProberCare {
  /** Look whether it runs, and start it where it does not; called at each tick. */
  look(): void;
  readonly pid: number | undefined;
}

/** What {@link Watcher} works with. */
export interface WatcherOptions {
  readonly plane: Pick<Plane, 'strands' | 'tables' | 'generation' | 'nameOf'>;
  readonly steering: Pick<Steering, 'peers' | 'rules' | 'isAdopting'>;
  readonly links: () => readonly Link[];
  readonly prober: ProberCare;
  readonly journal: Pick<Journal, 'write'>;
  readonly usage: UsageFile;
  /** Called after each step. */
  readonly judged?: () => void;
  /** Called where what is said of strands is otherwise than before, beside figures. */
  readonly changed?: () => void;
  readonly clock: Clock;
  readonly log: Logger;
  /** CLOCK_MONOTONIC in nanoseconds. */
  readonly monotonic?: () => bigint;
}

const tickMs = 200;
const doubtMs = 100;
const strandedEveryMs = 10_000;
/** For so long a prober may be away before what it left silent is tried again. */
const untoldMs = 10_000;
const msInNs = 1e6;
const nothing: StepResult = {
  avoid: new Map(),
  intervalsMs: new Map(),
  detectionsMs: new Map(),
  states: new Map(),
  events: [],
  doubted: new Set(),
  frozen: false,
  kept: [],
};
/** What is a warning. */
const bad: ReadonlySet<QualityEvent['kind']> = new Set(['down', 'degraded', 'stranded', 'frozen']);
/** What sessions are counted for. */
const moving: ReadonlySet<QualityEvent['kind']> = new Set([
  'down',
  'degraded',
  'held',
  'returning',
  'preferred',
]);

/** See the head of this file. Disposed, it ticks no more. */
export class Watcher implements Disposable {
  readonly #options: WatcherOptions;
  readonly #monotonic: () => bigint;
  readonly #sampling: Sampling;
  readonly #stranded = new Stranded();
  readonly #paths: PathMtus;
  #engine: Engine | undefined;
  readonly #roster: Roster;
  /** Which version of the roster the engine has. */
  #known = 0;
  #last = nothing;
  #strandedMs = 0;
  /** When there last was a prober. */
  #probedMs: number | undefined;
  #failure = '';
  #timer: Timer | undefined;

  constructor(options: WatcherOptions) {
    this.#options = options;
    this.#monotonic = options.monotonic ?? monotonicNs;
    this.#sampling = new Sampling(options.plane.strands);
    this.#paths = new PathMtus({ words: options.plane.strands, peers: options.steering.peers });
    this.#roster = new Roster(options);
  }

  /** Tick from now on. */
  start(): void {
    const { clock } = this.#options;
    this.look();
    const isBusy = this.#last.doubted.size > 0 || this.#paths.isDoubted;
    this.#timer = clock.after(isBusy ? doubtMs : tickMs, () => this.start());
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel();
  }

  /** What is known now. */
  answer(): QualityAnswer {
    const { steering, clock, links, prober, usage, plane } = this.#options;
    this.#roster.look();
    const { strands } = this.#roster;
    const wallMs = clock.now();
    const running = prober.pid !== undefined && !this.#last.frozen;
    return qualityAnswer({
      wallMs,
      nowMs: Number(this.#monotonic()) / msInNs,
      prober: { running, pid: prober.pid ?? null } satisfies QualityProber,
      slas: steering.rules.slas,
      links: links(),
      usage: usage.with(wallMs, meteredStrands(plane.strands, strands)),
      strands,
      states: this.#last.states,
      path: (id) => this.#paths.state(id),
      avoid: (id) => plane.strands.avoid(id),
      intervalMs: (id) => this.#last.intervalsMs.get(id) ?? 0,
    });
  }

  /** How good each strand is now, as it is told to others; of one peer where it is named. */
  figures(of?: string): readonly FigureStrand[] {
    const { steering, plane } = this.#options;
    this.#roster.look();
    const { strands } = this.#roster;
    const wanted = of === undefined ? strands : strands.filter(({ peerName }) => peerName === of);
    return wanted.map(({ id, link, peerName, isProbed }) => ({
      link: link.config.name,
      peer: peerName,
      isUsable: steering.peers.down(id) === 0 && !plane.strands.silent(id),
      judged: this.#last.states.get(id),
      detectionMs: isProbed ? settingsOf(link.config).detectionMs : undefined,
    }));
  }

  /** Judge now; what fails is told, once, and the next tick tries again. */
  look(): void {
    const { steering, log, prober } = this.#options;
    // Until then numbers mean what a former life's tables say.
    if (steering.isAdopting) return;
    try {
      prober.look();
      this.#roster.look();
      this.#turn();
      this.#failure = '';
    } catch (reason) {
      if (this.#failure !== String(reason)) log.error({ err: reason }, 'strands are not judged');
      this.#failure = String(reason);
    }
  }

  #turn(): void {
    const { clock, usage, plane } = this.#options;
    const { strands, probed } = this.#roster;
    const [nowNs, wallMs] = [this.#monotonic(), clock.now()];
    const nowMs = Number(nowNs) / msInNs;
    const records: JournalRecord[] = [];
    const engine = this.#engineNow((setup) => {
      records.push({ type: 'setup', wallMs, atMs: nowMs, ...setup });
    });
    const samples = this.#sampling.samples(this.#sampled(probed), nowNs);
    const result = engine.step(nowMs, samples);
    this.#last = result;
    this.#apply(strands, result);
    this.#endSilences(strands, nowMs);
    const mtus = this.#paths.step(nowNs, strands, samples, result);
    const kept = new Set(result.kept);
    for (const sample of samples) {
      if (kept.has(sample.strand)) records.push({ type: 'sample', wallMs, sample });
    }
    const events = this.#counted([...result.events, ...mtus], nowNs, nowMs);
    for (const event of events) records.push({ type: 'event', wallMs, event });
    this.#options.journal.write(records);
    this.#tell(events);
    this.#options.judged?.();
    // A setup, too: there are other strands.
    if (records.some(({ type }) => type !== 'sample')) this.#options.changed?.();
    usage.keep(wallMs, () => meteredStrands(plane.strands, strands));
  }

  #sampled(strands: readonly WatchedStrand[]) {
    const { peers } = this.#options.steering;
    return strands.map(({ id, link }) => ({
      id,
      down: peers.takeDown(id),
      metered: link.config.billing === 'metered',
    }));
  }

  /** The engine, with the strands and SLAs of now; `changed` is told what is other than before. */
  #engineNow(changed: (setup: Pick<SetupRecord, 'strands' | 'groups' | 'adopt'>) => void): Engine {
    const { plane } = this.#options;
    const { engine: strands, groups, version } = this.#roster;
    if (this.#engine === undefined) {
      const adopt = strands.map(({ id }) => [id, plane.strands.avoid(id)] as const);
      this.#engine = new Engine({ strands, groups, adopt: new Map(adopt) });
      changed({ strands, groups, adopt });
    } else if (version !== this.#known) {
      this.#engine.setStrands(strands);
      this.#engine.setGroups(groups);
      changed({ strands, groups });
    }
    this.#known = version;
    return this.#engine;
  }

  #apply(strands: readonly WatchedStrand[], result: StepResult): void {
    const { plane, steering } = this.#options;
    for (const strand of strands) {
      const { id } = strand;
      const isLost = (steering.peers.down(id) & ~downReasons.operator) !== 0;
      plane.strands.setAvoid(id, result.avoid.get(id) ?? (isLost ? heldBack : 0));
      plane.strands.probe(id, probeWish(strand, result));
    }
  }

  /** Without a prober nobody else says that a strand answers again. */
  #endSilences(strands: readonly WatchedStrand[], nowMs: number): void {
    const { prober, plane, log } = this.#options;
    if (prober.pid !== undefined) this.#probedMs = nowMs;
    this.#probedMs ??= nowMs;
    if (nowMs - this.#probedMs < untoldMs) return;
    for (const { id, name } of strands) {
      if (!plane.strands.silent(id)) continue;
      plane.strands.endSilence(id);
      log.warn({ strand: name }, 'was silent, and there is no prober: it is used again');
    }
  }

  /** The step's events with the sessions they concern, and those about sessions. */
  #counted(events: readonly QualityEvent[], nowNs: bigint, nowMs: number): readonly QualityEvent[] {
    let read: SessionCount[] | undefined;
    const counts = (): SessionCount[] => (read ??= sessionCounts(this.#options.plane, nowNs));
    const told: QualityEvent[] = events.map((event) =>
      'from' in event && moving.has(event.kind)
        ? { ...event, sessions: sessionsOf(counts(), event.strand) }
        : event,
    );
    const { engine: strands } = this.#roster;
    if (nowMs - this.#strandedMs < strandedEveryMs) return told;
    this.#strandedMs = nowMs;
    if (!strands.some(({ metered }) => metered)) return told;
    const byId = new Map(strands.map((one) => [one.id, one]));
    return [...told, ...this.#stranded.check(nowMs, counts(), byId, this.#last.states)];
  }

  #tell(events: readonly QualityEvent[]): void {
    const { log } = this.#options;
    for (const event of events) {
      const isBad = event.kind === 'mtu' ? event.mtu.to < event.mtu.from : bad.has(event.kind);
      log[isBad ? 'warn' : 'info']({ ...event }, 'link quality');
    }
  }
}
