// SPDX-License-Identifier: Apache-2.0
/** How often a link is probed and how patiently it is judged, by what kind of link it is. */

/** What a site's file may say as `profile`. */
export type ProfileName = 'fixed' | 'lte' | 'satellite';

/** The numbers of one link. */
export interface QualitySettings {
  /** Between two probes. */
  readonly intervalMs: number;
  /** For how long nothing may be answered, beyond what a round trip takes, before a strand is down. */
  readonly detectionMs: number;
  /** The two windows that must agree before a strand breaks an SLA. */
  readonly shortWindowMs: number;
  readonly longWindowMs: number;
  /** For how long it must keep the SLA before it is trusted again. */
  readonly recoverWindowMs: number;
  /** How long it is held back after a failure; doubles with each relapse within ten minutes, */
  readonly holdDownMs: number;
  /** up to this. */
  readonly holdDownMaxMs: number;
  /** Sessions a second that go home to it once it is back; 0: no limit. */
  readonly returnPerSecond: number;
  /** Between two probes while a metered link carries nothing else and is not needed. */
  readonly idleIntervalMs: number;
}

/** `fixed` is the default; `lte` bears handovers, `satellite` a round trip of 600 ms and its weather. */
export const profiles: Readonly<Record<ProfileName, QualitySettings>> = {
  fixed: {
    intervalMs: 20,
    detectionMs: 100,
    shortWindowMs: 1_000,
    longWindowMs: 3_000,
    recoverWindowMs: 30_000,
    holdDownMs: 10_000,
    holdDownMaxMs: 300_000,
    returnPerSecond: 100,
    idleIntervalMs: 1_000,
  },
  lte: {
    intervalMs: 50,
    detectionMs: 300,
    shortWindowMs: 2_000,
    longWindowMs: 6_000,
    recoverWindowMs: 60_000,
    holdDownMs: 20_000,
    holdDownMaxMs: 600_000,
    returnPerSecond: 50,
    idleIntervalMs: 2_000,
  },
  satellite: {
    intervalMs: 100,
    detectionMs: 1_000,
    shortWindowMs: 3_000,
    longWindowMs: 10_000,
    recoverWindowMs: 60_000,
    holdDownMs: 30_000,
    holdDownMaxMs: 600_000,
    returnPerSecond: 20,
    idleIntervalMs: 5_000,
  },
};

/** No strand is probed more often than this. */
export const leastIntervalMs = 10;

/**
 * What the prober is told (`detect_us`) with an interval: at least five probes
 * must have been in vain, however seldom they are sent.
 */
export function detectionFor(settings: QualitySettings, intervalMs: number): number {
  return Math.max(settings.detectionMs, 5 * intervalMs);
}
