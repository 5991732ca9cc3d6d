// SPDX-License-Identifier: Apache-2.0
/**
 * What labels say of a link's quality, and when they say something else: a registry is told slowly.
 *
 * Up or down is told at once, but no more often than every {@link flipMs}, and so is what was not
 * known before; everything else at most every {@link slowMs}. A figure has to be a tenth beyond a border to count as beyond.
 */

/** A link as its forwarder sees it. */
export interface LinkFigures {
  readonly name: string;
  readonly state: 'up' | 'degraded' | 'down';
  readonly rttMs: number | null;
  readonly lossPercent: number | null;
}

/** Labels `state`, `rtt` and `loss`; those of which nothing is known are not there. */
export type QualityLabels = Readonly<Record<string, string>>;

/** The least time between two tellings of one link, where it went up or down. */
export const flipMs = 10_000;
/** And where anything else changed. */
export const slowMs = 60_000;

const words = ['low', 'medium', 'high'] as const;
/** `low` is up to the first, `high` beyond the second. */
const borders = { rtt: [50, 150], loss: [0.5, 2] } as const;
const slack = 0.1;

/** The labels of one link. */
export class LinkLabels {
  #labels: QualityLabels = {};
  #toldMs = -Infinity;
  #now: LinkFigures | undefined;

  /** As they are told. */
  get labels(): QualityLabels {
    return this.#labels;
  }

  /** Know how it is; says after how many milliseconds, if ever, {@link tell} has something to tell. */
  learn(figures: LinkFigures, nowMs: number): number | undefined {
    this.#now = figures;
    // A clock that was set back delays nothing for longer than a pause.
    this.#toldMs = Math.min(this.#toldMs, nowMs);
    return this.#dueMs(nowMs);
  }

  /** Tell what is due; says whether anything was. */
  tell(nowMs: number): boolean {
    if (this.#now === undefined || this.#dueMs(nowMs) !== 0) return false;
    this.#labels = this.#wanted(this.#now);
    this.#toldMs = nowMs;
    return true;
  }

  #dueMs(nowMs: number): number | undefined {
    if (this.#now === undefined) return undefined;
    const wanted = this.#wanted(this.#now);
    if (JSON.stringify(wanted) === JSON.stringify(this.#labels)) return undefined;
    const isFlip = (wanted['state'] === 'down') !== (this.#labels['state'] === 'down');
    const isMore = Object.keys(wanted).length > Object.keys(this.#labels).length;
    const pauseMs = isFlip || isMore ? flipMs : slowMs;
    return Math.max(pauseMs - (nowMs - this.#toldMs), 0);
  }

  #wanted({ state, rttMs, lossPercent }: LinkFigures): QualityLabels {
    // Of a link that is down figures say what was once.
    if (state === 'down') return { state };
    return {
      state,
      ...labelOf('rtt', rttMs, this.#labels['rtt']),
      ...labelOf('loss', lossPercent, this.#labels['loss']),
    };
  }
}

function labelOf(
  name: keyof typeof borders,
  value: number | null,
  before: string | undefined,
): QualityLabels {
  if (value === null) return before === undefined ? {} : { [name]: before };
  const was = words.findIndex((word) => word === before);
  const at = borders[name].filter((border, step) => {
    if (was < 0) return value > border;
    return value > border * (was > step ? 1 - slack : 1 + slack);
  }).length;
  return { [name]: words[at] ?? 'high' };
}
