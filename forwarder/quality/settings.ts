// SPDX-License-Identifier: Apache-2.0
/** The numbers by which a link is measured: its profile's, and over them what its file says. */
import type { SiteLink } from '../../api/site/types.js';
import { profiles, type QualitySettings } from './profiles.js';

/** See the head of this file. Nobody is held down for longer than the most that a relapse can bring. */
export function settingsOf({ profile, quality }: Pick<SiteLink, 'profile' | 'quality'>) {
  const usual = profiles[profile];
  const holdDownMs = quality?.holdDownMs ?? usual.holdDownMs;
  const intervalMs = quality?.intervalMs ?? usual.intervalMs;
  return {
    ...usual,
    intervalMs,
    detectionMs: quality?.detectionMs ?? usual.detectionMs,
    holdDownMs,
    holdDownMaxMs: Math.max(usual.holdDownMaxMs, holdDownMs),
    returnPerSecond: quality?.returnPerSecond ?? usual.returnPerSecond,
    // Idle is never probed more often than busy.
    idleIntervalMs: Math.max(usual.idleIntervalMs, intervalMs),
  } satisfies QualitySettings;
}
