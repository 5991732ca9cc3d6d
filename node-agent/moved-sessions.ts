// SPDX-License-Identifier: Apache-2.0
/**
 * Sessions that went from one link to another, as happenings: the moves of five seconds are one for each way,
 * for sessions come home a few at a time, and a burst is told when it is over or still going on.
 */
import type { Happening } from './link-events.js';
import { nothingTold, type Moves, type Strand } from './told.js';

/** Between the first move that is not told and the telling. */
const gatherMs = 5_000;

interface Way {
  readonly from: string;
  readonly to: string;
  sessions: number;
  /** Why one left, where its strands say so: each once. */
  readonly why: Set<string>;
}

/** See the head of this file. */
export class MovedSessions {
  #counted: Moves = nothingTold.moves;
  readonly #ways = new Map<string, Way>();
  #dueMs = Infinity;

  /** When there is something to tell; Infinity: there is nothing. */
  get dueMs(): number {
    return this.#dueMs;
  }

  /** What a forwarder has counted until now. */
  count(moves: Moves, strands: readonly Strand[], nowMs: number): void {
    const before = new Map(
      moves.epoch === this.#counted.epoch
        ? this.#counted.moves.map((move) => [keyOf(move), move.sessions])
        : [],
    );
    this.#counted = moves;
    for (const move of moves.moves) {
      const sessions = move.sessions - (before.get(keyOf(move)) ?? 0);
      if (sessions > 0) this.#add(move, sessions, strands, nowMs);
    }
  }

  /** What is due, in words; it is told once. */
  take(nowMs: number, node: string): readonly Happening[] {
    if (nowMs < this.#dueMs) return [];
    const ways = [...this.#ways.values()];
    this.#ways.clear();
    this.#dueMs = Infinity;
    return ways.map(({ from, to, sessions, why }) => {
      const many = `${String(sessions)} ${sessions === 1 ? 'session' : 'sessions'}`;
      const because = why.size === 0 ? '' : ` (${[...why].join('; ')})`;
      const message = `${many} went from ${from} to ${to} on node ${node}${because}`;
      const link = `${from} > ${to}`;
      return { reason: 'SessionsMoved', type: 'Normal', link, message: message.slice(0, 1_000) };
    });
  }

  #add(move: Move, sessions: number, strands: readonly Strand[], nowMs: number): void {
    const { from, to } = named(move);
    const key = JSON.stringify([from, to]);
    const way = this.#ways.get(key) ?? { from, to, sessions: 0, why: new Set() };
    this.#ways.set(key, way);
    way.sessions += sessions;
    const left = strands.find(({ name }) => name === move.from.strand);
    // From one that is well they went for a policy's sake.
    if (left !== undefined && left.state !== 'up' && left.why !== '')
      way.why.add(`${left.peer}: ${left.why}`);
    this.#dueMs = Math.min(this.#dueMs, nowMs + gatherMs);
  }
}

type Move = Moves['moves'][number];

/** By links; by strands where both are of one link, or nobody knows whose one is. */
function named({ from, to }: Move): { readonly from: string; readonly to: string } {
  const byLink = from.link !== '' && to.link !== '' && from.link !== to.link;
  if (byLink) return { from: `link ${from.link}`, to: `link ${to.link}` };
  return { from: `strand ${from.strand}`, to: `strand ${to.strand}` };
}

function keyOf({ from, to }: Move): string {
  return JSON.stringify([from.strand, to.strand]);
}
