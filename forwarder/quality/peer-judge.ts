// SPDX-License-Identifier: Apache-2.0
/** What strands of one peer mean for each other: who is passed over, trusted early, or spared. */
import { LeastBad } from './least-bad.js';
import type { StrandSample } from './sample.js';
import type { Moment, StrandJudge } from './strand-judge.js';

/** A strand may answer this late, in milliseconds and in probes, before others are preferred to it. */
const patienceMs = 1000;
const patienceProbes = 5;

/** While the prober is stopped: a strand by which the peer is heard no more, in multiples of what was usual, */
const gaps = 5;
/** but not before this. */
const leastGapMs = 3000;

/** The strands of one peer; see the head of this file. */
export class PeerJudge {
  judges: StrandJudge[] = [];
  readonly leastBad = new LeastBad();
  /** The longest time, of late, in which nothing was heard of the peer by a strand. */
  readonly #gapsMs = new Map<number, number>();

  /** Before the strands are judged: what the peer's own probes tell. */
  listen({ isFrozen, isSecond }: Moment, samples: ReadonlyMap<number, StrandSample>): void {
    const heard = this.judges.flatMap((judge) => {
      const sample = samples.get(judge.strand.id);
      return sample ? [{ judge, agoMs: sample.heardAgoMs, limitMs: this.#limitMs(judge) }] : [];
    });
    const isAnyHeard = heard.some(({ agoMs = Infinity, limitMs }) => agoMs <= limitMs);
    for (const { judge, agoMs, limitMs } of heard) {
      if (!isFrozen || agoMs === undefined || agoMs <= limitMs) judge.suspicion = undefined;
      else if (isAnyHeard) judge.suspicion = 'the peer is heard by other strands, not by this one';
      if (!isSecond || isFrozen || agoMs === undefined) continue;
      const usual = this.#gapsMs.get(judge.strand.id) ?? 0;
      // One long gap is forgotten within a minute or two.
      this.#gapsMs.set(judge.strand.id, Math.max(Math.min(agoMs, leastGapMs), usual * 0.95));
    }
  }

  #limitMs({ strand }: StrandJudge): number {
    return Math.max(leastGapMs, gaps * (this.#gapsMs.get(strand.id) ?? 0));
  }

  /** After the strands are judged. */
  settle(moment: Moment): ReadonlyMap<number, number> {
    this.#passOver(moment);
    if (!moment.isFrozen) this.#trustEarly(moment);
    return this.leastBad.choose(this.judges, moment);
  }

  /** A strand that never answered is used only while no other answers. */
  #passOver(moment: Moment): void {
    const isAnyUsed = this.judges.some(({ isInUse }) => isInUse);
    for (const judge of this.judges) {
      if (judge.state !== 'unmeasured') continue;
      const { firstProbeMs = Infinity, isPassedOver } = judge;
      const { intervalMs } = judge.strand.settings;
      const patience = Math.max(patienceMs, patienceProbes * intervalMs);
      const isLate = moment.nowMs - firstProbeMs >= patience;
      if (isAnyUsed ? isPassedOver || !isLate || moment.isFrozen : !isPassedOver) continue;
      judge.isPassedOver = isAnyUsed;
      judge.why = isAnyUsed
        ? 'never answered, and other strands of the peer do'
        : 'never answered, as no other strand of the peer does';
      judge.tell('unmeasured', 'unmeasured', judge.why, moment);
    }
  }

  /** Who answers first after all were gone is not held back. */
  #trustEarly(moment: Moment): void {
    if (this.judges.some(({ isInUse }) => isInUse)) return;
    const held = this.judges.filter(({ state }) => state === 'held');
    const [first] = held.toSorted((a, b) => loss(a) - loss(b) || a.sinceMs - b.sinceMs);
    first?.trust('answers, and no other strand of the peer can be used', moment);
  }
}

function loss(judge: StrandJudge): number {
  return judge.recent(judge.strand.settings.recoverWindowMs)?.lost ?? Infinity;
}
