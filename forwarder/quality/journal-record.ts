// SPDX-License-Identifier: Apache-2.0
/**
 * The lines of `quality.ndjson`: what was judged, by which settings, and what came
 * of it. From the first two the third can be had again (replay.ts).
 */
import type { EngineStrand, SlaGroup } from './engine-strand.js';
import type { StrandSample } from './sample.js';
import type { QualityEvent } from './states.js';

/** What every line has. `atMs` within is monotonic time, this the wall clock's. */
interface Line {
  readonly wallMs: number;
}

/** Strands and SLAs in force from here on; the first line of a file, and one at each change. */
export interface SetupRecord extends Line {
  readonly type: 'setup';
  readonly atMs: number;
  readonly strands: readonly EngineStrand[];
  readonly groups: readonly SlaGroup[];
  /** A forwarder's life begins here; what it found in `avoid`, by strand. */
  readonly adopt?: readonly (readonly [strand: number, avoid: number])[];
}

/** A sample that `StepResult.kept` names: about one a second and strand, all while it is in doubt. */
export interface SampleRecord extends Line {
  readonly type: 'sample';
  readonly sample: StrandSample;
}

/** An event as it was told. */
export interface EventRecord extends Line {
  readonly type: 'event';
  readonly event: QualityEvent;
}

/** See the head of this file. */
export type JournalRecord = SetupRecord | SampleRecord | EventRecord;
