// SPDX-License-Identifier: Apache-2.0
/**
 * The alarm for sessions that nobody brought home: they are on a metered link
 * though the link that their class would choose has been fit for them for long.
 */
import type { EngineStrand } from './engine.js';
import type { StrandState, StrandedEvent } from './states.js';

/** Sessions of one class, counted. */
export interface SessionCount {
  /** `policy/class`. */
  readonly class: string;
  /** Number of the class's SLA; 0 where it has none. */
  readonly sla: number;
  /** Where they are, and where their hash would have them, were all well. */
  readonly strand: number;
  readonly home: number;
  readonly sessions: number;
}

/** Remembers since when; see the head of this file. */
export class Stranded {
  constructor(_options: { readonly limitMs?: number } = {}) {}

  /** Those beyond the limit (60 s where not given); each is told once, and again after as long. */
  check(
    _nowMs: number,
    _counts: readonly SessionCount[],
    _strands: ReadonlyMap<number, EngineStrand>,
    _states: ReadonlyMap<number, StrandState>,
  ): StrandedEvent[] {
    return [];
  }
}
