// SPDX-License-Identifier: Apache-2.0
/**
 * Judges strands: takes samples, says which strands are to be avoided and by
 * whom, how often each is probed, and why. Has no clock, no timer and no
 * randomness: the same samples give the same decisions.
 */
import type { QualitySettings } from './profiles.js';
import type { StrandSample } from './sample.js';
import type { QualityEvent, StrandState } from './states.js';

/** A strand as the engine must know it. */
export interface EngineStrand {
  readonly id: number;
  /** As users see it. */
  readonly name: string;
  readonly link: string;
  readonly peer: string;
  readonly settings: QualitySettings;
  readonly metered: boolean;
}

/** What a class asks of its strands; what is not given is not asked. */
export interface Sla {
  readonly rttMs?: number | undefined;
  readonly jitterMs?: number | undefined;
  readonly lossPercent?: number | undefined;
}

/** An SLA, and who has it. */
export interface SlaGroup {
  /** 1 to 31: its bit in `avoid`. */
  readonly number: number;
  readonly sla: Sla;
  /** `policy/class` of each class with this very SLA. */
  readonly names: readonly string[];
  /** Strands that these classes may use; all where not given. */
  readonly strands?: readonly number[];
}

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

/** See the head of this file. */
export class Engine {
  constructor(_options: EngineOptions) {
    throw new Error('under construction');
  }

  /** Strands come and go; those that stay keep their history. */
  setStrands(_strands: readonly EngineStrand[]): void {
    throw new Error('under construction');
  }

  /** Other SLAs; a number with the same SLA as before keeps what was found. */
  setGroups(_groups: readonly SlaGroup[]): void {
    throw new Error('under construction');
  }

  /** Judge; `nowMs` never goes back. A strand without a sample is as it was. */
  step(_nowMs: number, _samples: readonly StrandSample[]): StepResult {
    throw new Error('under construction');
  }
}
