// SPDX-License-Identifier: Apache-2.0
/** Strands and SLAs as the engine must know them, from what steering has now. */
import type { Peer, Strand } from '../steering/peers.js';
import type { RuleSets } from '../steering/rule-sets.js';
import { levelsOf } from '../steering/slots.js';
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

/** As the engine knows them, with the strands that their classes may go to for a better one. */
export function slaGroups(
  { all, slas }: Pick<RuleSets, 'all' | 'slas'>,
  peers: readonly Pick<Peer, 'strands'>[],
): readonly SlaGroup[] {
  const strands = new Map(slas.map(({ number }) => [number, new Set<number>()]));
  for (const { policy, slas: numbers } of all) {
    for (const [name, number] of numbers) {
      for (const peer of peers) {
        const own = peer.strands.map(({ id, link }) => ({ id, link: link.config }));
        const { levels, soft } = levelsOf(name, policy, own);
        for (const id of levels.slice(0, soft).flat()) strands.get(number)?.add(id);
      }
    }
  }
  return slas.map(({ number, sla, names }) => {
    const own = [...(strands.get(number) ?? [])].toSorted((a, b) => a - b);
    return { number, sla, names, strands: own };
  });
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
