// SPDX-License-Identifier: Apache-2.0
/** The engine with simulated strands to one peer, and one session that does what `wire_tx` would. */
import { Engine, type EngineStrand, type SlaGroup } from '../../forwarder/quality/engine.js';
import type { JournalRecord } from '../../forwarder/quality/journal-record.js';
import { profiles, type ProfileName } from '../../forwarder/quality/profiles.js';
import type { QualityEvent } from '../../forwarder/quality/states.js';
import type { StepResult } from '../../forwarder/quality/engine.js';
import { SimulatedStrand, seeded, type SimulatedLink } from './simulated-strand.js';

/** What strands there are, by name, and their SLAs. */
export interface SiteOptions {
  readonly seed?: number;
  readonly groups?: readonly SlaGroup[];
  readonly profile?: ProfileName;
  readonly metered?: readonly string[];
  readonly adopt?: ReadonlyMap<number, number>;
  readonly links: Readonly<Record<string, Partial<SimulatedLink>>>;
}

/** See the head of this file. */
export class SimulatedSite {
  readonly engine: Engine;
  readonly strands: readonly EngineStrand[];
  readonly groups: readonly SlaGroup[];
  readonly events: QualityEvent[] = [];
  readonly journal: JournalRecord[] = [];
  nowMs = 0;
  last: StepResult | undefined;
  /** Where the session is, 0 for nowhere, and how often it moved; its home is the first strand. */
  on = 1;
  moves = 0;
  readonly #simulated: readonly SimulatedStrand[];
  readonly #sla: number;

  constructor({
    seed = 1,
    groups = [],
    profile = 'fixed',
    metered = [],
    links,
    adopt,
  }: SiteOptions) {
    const random = seeded(seed);
    const names = Object.keys(links);
    const settings = profiles[profile];
    this.strands = names.map((name, at) => ({
      id: at + 1,
      name,
      link: name,
      peer: 'cloud',
      settings,
      metered: metered.includes(name),
    }));
    this.groups = groups;
    this.#sla = groups[0]?.number ?? 0;
    const adopted = adopt === undefined ? {} : { adopt };
    this.engine = new Engine({ strands: this.strands, groups, ...adopted });
    this.#simulated = names.map((name, at) => {
      const strand = new SimulatedStrand(at + 1, random, links[name]);
      strand.intervalMs = settings.intervalMs;
      strand.detectionMs = settings.detectionMs;
      return strand;
    });
    const { strands, nowMs } = this;
    this.journal.push({
      type: 'setup',
      wallMs: 0,
      atMs: nowMs,
      strands,
      groups,
      adopt: [...(adopt ?? [])],
    });
  }

  /** The strand of that name. */
  of(name: string): SimulatedStrand {
    const found = this.#simulated[this.strands.findIndex((strand) => strand.name === name)];
    if (found === undefined) throw new Error(`no strand ${name}`);
    return found;
  }

  /** Its link: change what it does. */
  link(name: string): SimulatedLink {
    return this.of(name).link;
  }

  /** All strands' prober. */
  set isStopped(isStopped: boolean) {
    for (const strand of this.#simulated) strand.isStopped = isStopped;
  }

  /** Let seconds pass. */
  run(seconds: number): void {
    const endMs = this.nowMs + seconds * 1000;
    while (this.nowMs < endMs) {
      this.nowMs += (this.last?.doubted.size ?? 0) > 0 ? 100 : 200;
      this.#step();
    }
  }

  /** Kinds of events since the last call, as `name kind`. */
  told(): string[] {
    return this.events
      .splice(0)
      .map((event) => ('name' in event ? `${event.name} ${event.kind}` : event.kind));
  }

  /** State of a strand now. */
  state(name: string) {
    const state = this.last?.states.get(this.of(name).id);
    if (state === undefined) throw new Error(`no state of ${name}`);
    return state;
  }

  /** Its word `avoid`. */
  avoid(name: string): number {
    return this.last?.avoid.get(this.of(name).id) ?? 0;
  }

  #step(): void {
    const { nowMs } = this;
    const samples = this.#simulated.map((strand) => strand.sample(nowMs));
    const result = this.engine.step(nowMs, samples);
    this.last = result;
    this.events.push(...result.events);
    for (const strand of this.#simulated) {
      strand.intervalMs = result.intervalsMs.get(strand.id) ?? strand.intervalMs;
      strand.detectionMs = result.detectionsMs.get(strand.id) ?? strand.detectionMs;
    }
    for (const sample of samples) {
      if (result.kept.includes(sample.strand)) {
        this.journal.push({ type: 'sample', wallMs: 0, sample });
      }
    }
    for (const event of result.events) this.journal.push({ type: 'event', wallMs: 0, event });
    const usable = samples.filter(({ silent, hardDown }) => !silent && !hardDown);
    const mask = 1 | (this.#sla === 0 ? 0 : 1 << this.#sla);
    const ids = usable.map(({ strand }) => strand);
    const good = ids.filter((id) => ((result.avoid.get(id) ?? 0) & mask) === 0);
    const stays = good.length > 0 ? good : ids;
    const to = stays.includes(1) ? 1 : stays.includes(this.on) ? this.on : (stays[0] ?? this.on);
    // With all avoided it stays where it is.
    const next = good.length === 0 && ids.includes(this.on) ? this.on : to;
    if (next !== this.on) this.moves++;
    this.on = next;
  }
}
