// SPDX-License-Identifier: Apache-2.0
/** The same samples, judged again: what another policy would have made of a recorded day. */
import type { EngineStrand, SlaGroup } from './engine.js';
import type { JournalRecord } from './journal-record.js';
import type { QualityEvent } from './states.js';

/** What holds in place of what was recorded. */
export interface ReplayOptions {
  readonly strands?: readonly EngineStrand[];
  readonly groups?: readonly SlaGroup[];
}

/** What came of a replay. */
export interface ReplaySummary {
  readonly fromMs: number;
  readonly toMs: number;
  readonly samples: number;
  /** By strand: how often sessions were moved off it, and how long it was avoided. */
  readonly strands: readonly {
    readonly strand: number;
    readonly name: string;
    readonly moves: number;
    readonly avoidedMs: number;
    /** Of that, by SLA (`policy/class` of its classes). */
    readonly slas: readonly { readonly sla: string; readonly avoidedMs: number }[];
  }[];
}

/** See the head of this file. */
export function replay(
  _records: Iterable<JournalRecord>,
  _options: ReplayOptions = {},
): { readonly events: readonly QualityEvent[]; readonly summary: ReplaySummary } {
  throw new Error('under construction');
}
