// SPDX-License-Identifier: Apache-2.0
/**
 * The alarm for sessions that nobody brought home: they are on a metered link
 * though the link that their class would choose has been fit for them for long.
 */
import type { EngineStrand } from './engine-strand.js';
import type { StrandState, StrandedEvent } from './states.js';

/** Sessions of one class, counted. */
export interface SessionCount {
  /** `policy/class`. */
  readonly class: string;
  /** Number of the class's SLA; 0 where it has none, 255 where nobody's counts (learned, pinned). */
  readonly sla: number;
  /** Where they are, and where their hash would have them, were all well. */
  readonly strand: number;
  readonly home: number;
  readonly sessions: number;
}

/** What {@link Stranded} may be told. */
export interface StrandedOptions {
  /** For how long they may stay; 60,000 where not given. */
  readonly limitMs?: number;
}

const usualLimitMs = 60_000;
const nobodysSla = 255;

interface Stay {
  readonly sinceMs: number;
  toldMs: number;
}

/** Remembers since when; see the head of this file. */
export class Stranded {
  readonly #limitMs: number;
  /** By strand, home and class. */
  #stays = new Map<string, Stay>();

  constructor({ limitMs = usualLimitMs }: StrandedOptions = {}) {
    this.#limitMs = limitMs;
  }

  /**
   * Those beyond the limit; each is told once, and again after as long. Asked every
   * few seconds: between two calls nothing is seen.
   */
  check(
    nowMs: number,
    counts: readonly SessionCount[],
    strands: ReadonlyMap<number, EngineStrand>,
    states: ReadonlyMap<number, StrandState>,
  ): StrandedEvent[] {
    const stays = new Map<string, Stay>();
    const events: StrandedEvent[] = [];
    for (const one of counts) {
      const [on, home] = [strands.get(one.strand), strands.get(one.home)];
      if (on === undefined || home === undefined || one.sessions === 0) continue;
      if (!on.metered || home.metered || !isFit(states.get(one.home), one.sla)) continue;
      const key = JSON.stringify([one.strand, one.home, one.class, one.sla]);
      const stay = this.#stays.get(key) ?? { sinceMs: nowMs, toldMs: nowMs };
      stays.set(key, stay);
      if (nowMs - stay.toldMs < this.#limitMs) continue;
      stay.toldMs = nowMs;
      const seconds = ((nowMs - stay.sinceMs) / 1000).toFixed(0);
      events.push({
        atMs: nowMs,
        kind: 'stranded',
        strand: on.id,
        name: on.name,
        link: on.link,
        peer: on.peer,
        home: home.name,
        class: one.class,
        sessions: one.sessions,
        why: `${on.link} is metered, and ${home.name} has been fit for them for ${seconds} s`,
      });
    }
    this.#stays = stays;
    return events;
  }
}

/** May sessions of this SLA be on it? */
function isFit(state: StrandState | undefined, sla: number): boolean {
  if (state === undefined || sla === nobodysSla) return false;
  if (!['up', 'returning', 'degraded'].includes(state.state)) return false;
  return !state.breaks.includes(sla) || state.spared.includes(sla);
}
