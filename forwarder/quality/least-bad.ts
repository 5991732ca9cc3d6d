// SPDX-License-Identifier: Apache-2.0
/**
 * Where all strands to a peer break an SLA, the least bad one is not avoided for it.
 * Which that is changes only for one that is clearly better, and ever more seldom.
 */
import type { SlaGroup } from './engine-strand.js';
import { HoldDown } from './hold-down.js';
import { concerns, type Moment, type StrandJudge } from './strand-judge.js';
import { score, type Score } from './verdict.js';

/** As bad as this share of the other's badness is clearly better, */
const clearly = 0.8;
/** where it is beyond chance, too: standard deviations of the difference. */
const sigmas = 3;

/** The choices for one peer; see the head of this file. */
export class LeastBad {
  /** By SLA number. */
  readonly #chosen = new Map<number, { readonly id: number; readonly untilMs: number }>();
  readonly #holds = new Map<number, HoldDown>();

  /** Which strands are spared by now, by SLA number; tells when another one is preferred. */
  choose(judges: readonly StrandJudge[], moment: Moment): ReadonlyMap<number, number> {
    for (const group of moment.groups) this.#of(group, judges, moment);
    return new Map([...this.#chosen].map(([number, { id }]) => [number, id]));
  }

  /** Another SLA by this number. */
  forgetSla(number: number): void {
    this.#chosen.delete(number);
    this.#holds.delete(number);
  }

  #of(group: SlaGroup, judges: readonly StrandJudge[], moment: Moment): void {
    const { number } = group;
    const able = judges.filter((one) => one.isInUse && concerns(group, one.strand));
    if (able.length === 0 || able.some(({ breaches }) => !breaches.has(number))) {
      this.#chosen.delete(number);
      return;
    }
    const before = this.#chosen.get(number);
    const holder = able.find(({ strand }) => strand.id === before?.id);
    if (before !== undefined && holder !== undefined) {
      // Half a minute's figures do not change within a second.
      if (!moment.isSecond || moment.nowMs < before.untilMs) return;
    }
    const windowOf = ({ strand: { settings } }: StrandJudge) =>
      holder === undefined ? settings.longWindowMs : settings.recoverWindowMs;
    // Sessions are where it broke last: they stay there unless another is clearly better.
    const last =
      holder ??
      able.reduce((a, b) => (b.breaches.sinceMs(number) > a.breaches.sinceMs(number) ? b : a));
    const scoreOf = (one: StrandJudge) => score(one.recent(windowOf(one)), group.sla);
    let best = last;
    let bestScore = scoreOf(last);
    for (const one of able) {
      const own = scoreOf(one);
      if (one === best || !isBetter(own, bestScore)) continue;
      best = one;
      bestScore = own;
    }
    if (best !== holder) this.#take(best, group, able.length > 1, moment);
  }

  #take(best: StrandJudge, { number, names }: SlaGroup, isChoice: boolean, moment: Moment): void {
    const hold = this.#holds.get(number) ?? new HoldDown();
    this.#holds.set(number, hold);
    hold.failed(moment.nowMs);
    const untilMs = moment.nowMs + hold.lengthMs(best.strand.settings);
    this.#chosen.set(number, { id: best.strand.id, untilMs });
    if (!isChoice) return;
    const why = 'every strand to the peer breaks it, this one least';
    best.tell('preferred', best.state, why, moment, names.join(', '));
  }
}

function isBetter(one: Score, than: Score): boolean {
  if (than.times === Infinity) return one.times < Infinity;
  const chance = sigmas * Math.hypot(one.error, than.error);
  return one.times < clearly * than.times && than.times - one.times > chance;
}
