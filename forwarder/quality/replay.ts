// SPDX-License-Identifier: Apache-2.0
/**
 * The same samples, judged again: what another policy would have made of a recorded
 * day. With the same strands and SLAs, the same decisions: a journal has every sample
 * that mattered (`StepResult.kept`). With others they may be a second late, as what
 * nobody doubted was written once a second; and probes went as often as was then wished.
 */
import { Engine, type EngineStrand, type SlaGroup, type StepResult } from './engine.js';
import type { JournalRecord, SetupRecord } from './journal-record.js';
import type { StrandSample } from './sample.js';
import type { QualityEvent } from './states.js';

/** What holds in place of what was recorded. */
export interface ReplayOptions {
  readonly strands?: readonly EngineStrand[];
  readonly groups?: readonly SlaGroup[];
}

/** For how long a strand was avoided. */
export interface Avoided {
  /** How often that began. */
  readonly moves: number;
  readonly avoidedMs: number;
}

/** What came of one strand. */
export interface ReplayedStrand extends Avoided {
  readonly strand: number;
  readonly name: string;
  /** By SLA, as `policy/class` of its classes; the figures above are of what concerned everybody. */
  readonly slas: readonly (Avoided & { readonly sla: string })[];
}

/** What came of a replay. */
export interface ReplaySummary {
  /** Monotonic time of the first and the last sample; 0 where there are none. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly samples: number;
  readonly strands: readonly ReplayedStrand[];
}

/** Events and what they sum up to. */
export interface Replayed {
  readonly events: readonly QualityEvent[];
  readonly summary: ReplaySummary;
}

/** See the head of this file. Samples before the first setup are left out, unless `strands` are given. */
export function replay(records: Iterable<JournalRecord>, options: ReplayOptions = {}): Replayed {
  const events: QualityEvent[] = [];
  const sums = new Sums();
  let engine: Engine | undefined;
  if (options.strands !== undefined) engine = begin(undefined, options, sums);
  let batch: StrandSample[] = [];
  const flush = () => {
    const [first] = batch;
    const result = first && engine?.step(first.atMs, batch);
    if (first !== undefined && result !== undefined) {
      events.push(...result.events);
      sums.add(first.atMs, batch.length, result);
    }
    batch = [];
  };
  for (const record of records) {
    if (record.type === 'setup') {
      flush();
      engine = setUp(engine, record, options, sums);
    } else if (record.type === 'sample') {
      if (batch[0] !== undefined && batch[0].atMs !== record.sample.atMs) flush();
      batch.push(record.sample);
    }
  }
  flush();
  return { events, summary: sums.summary() };
}

function begin(record: SetupRecord | undefined, options: ReplayOptions, sums: Sums): Engine {
  const strands = options.strands ?? record?.strands ?? [];
  const groups = options.groups ?? record?.groups ?? [];
  sums.know(strands, groups);
  return new Engine({ strands, groups, adopt: new Map(record?.adopt ?? []) });
}

function setUp(
  engine: Engine | undefined,
  record: SetupRecord,
  options: ReplayOptions,
  sums: Sums,
): Engine {
  // Another life of the forwarder: it knew nothing of the one before.
  if (engine === undefined || record.adopt !== undefined) return begin(record, options, sums);
  const strands = options.strands ?? record.strands;
  const groups = options.groups ?? record.groups;
  engine.setStrands(strands);
  engine.setGroups(groups);
  sums.know(strands, groups);
  return engine;
}

interface Sum {
  moves: number;
  avoidedMs: number;
}

/** Adds up what is avoided, by strand and bit. */
class Sums {
  readonly #names = new Map<number, string>();
  readonly #slas = new Map<number, string>();
  readonly #sums = new Map<number, Sum[]>();
  #avoid: ReadonlyMap<number, number> = new Map();
  #fromMs: number | undefined;
  #toMs = 0;
  #samples = 0;

  know(strands: readonly EngineStrand[], groups: readonly SlaGroup[]): void {
    for (const { id, name } of strands) this.#names.set(id, name);
    for (const { number, names } of groups) this.#slas.set(number, names.join(', '));
  }

  add(nowMs: number, samples: number, { avoid }: StepResult): void {
    const passedMs = this.#fromMs === undefined ? 0 : Math.max(0, nowMs - this.#toMs);
    for (const [strand, word] of avoid) {
      const before = this.#avoid.get(strand) ?? 0;
      const sums = this.#sums.get(strand) ?? [];
      this.#sums.set(strand, sums);
      for (let bit = 0; bit < 32; bit++) {
        const [was, is] = [(before >>> bit) & 1, (word >>> bit) & 1];
        if ((was | is) === 0) continue;
        const sum = (sums[bit] ??= { moves: 0, avoidedMs: 0 });
        if (was === 1) sum.avoidedMs += passedMs;
        else sum.moves++;
      }
    }
    this.#avoid = avoid;
    this.#fromMs ??= nowMs;
    this.#toMs = nowMs;
    this.#samples += samples;
  }

  summary(): ReplaySummary {
    const nothing: Sum = { moves: 0, avoidedMs: 0 };
    const strands = [...this.#names].map(([strand, name]) => {
      const sums = this.#sums.get(strand) ?? [];
      const slas = [...this.#slas].map(([bit, sla]) => ({ sla, ...(sums[bit] ?? nothing) }));
      return { strand, name, ...(sums[0] ?? nothing), slas };
    });
    return { fromMs: this.#fromMs ?? 0, toMs: this.#toMs, samples: this.#samples, strands };
  }
}
