// SPDX-License-Identifier: Apache-2.0
/** What the engine judges, and by what. */
import type { QualitySettings } from './profiles.js';

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
