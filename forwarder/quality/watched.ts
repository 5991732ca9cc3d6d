// SPDX-License-Identifier: Apache-2.0
/** Strands and SLAs as the engine must know them, from what steering has now. */
import type { NumberedSla } from '../steering/sla-numbers.js';
import type { Strand } from '../steering/peers.js';
import { noProbe, type ProbeWish } from '../steering/strand-words.js';
import { probeFlags } from '../../bpf/loader/layout.js';
import type { EngineStrand, SlaGroup, StepResult } from './engine.js';
import type { QualitySettings } from './profiles.js';
import { settingsOf } from './settings.js';
import { usualProbeSize } from './strand-meters.js';

/** A strand, and the peer that it leads to. */
export interface WatchedStrand extends Strand {
  readonly peerName: string;
  /** A stock peer answers no probes. */
  readonly isProbed: boolean;
}

/** As the engine knows it. */
export function engineStrand({ id, name, link, peerName }: WatchedStrand): EngineStrand {
  const { config } = link;
  const metered = config.billing === 'metered';
  return { id, name, link: config.name, peer: peerName, settings: settingsOf(config), metered };
}

/** As the engine knows them. */
export function slaGroups(slas: readonly NumberedSla[]): readonly SlaGroup[] {
  return slas.map(({ number, sla, names }) => ({ number, sla, names }));
}

/** What the prober is to do on a strand, by what the engine said last. */
export function probeWish(
  { id, link, isProbed }: WatchedStrand,
  { intervalsMs, detectionsMs }: Pick<StepResult, 'intervalsMs' | 'detectionsMs'>,
): ProbeWish {
  const settings: QualitySettings = settingsOf(link.config);
  const paced = { ...noProbe, return_rate: settings.returnPerSecond };
  const intervalMs = intervalsMs.get(id);
  if (!isProbed || intervalMs === undefined) return paced;
  return {
    ...paced,
    interval_us: Math.round(intervalMs * 1000),
    detect_us: Math.round((detectionsMs.get(id) ?? settings.detectionMs) * 1000),
    flags: probeFlags.judge,
    size: usualProbeSize,
  };
}
