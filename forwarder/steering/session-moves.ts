// SPDX-License-Identifier: Apache-2.0
/** Counts the sessions that went from one strand to another, by strands: a number for each two, whatever happens. */
import { randomBytes } from 'node:crypto';
import * as layout from '../../bpf/loader/layout.js';
import type { EndOfMove, Move, MovesAnswer } from '../operator/moves-answer.js';
import type { SessionFeed } from './session-feed.js';
import type { Meanings } from './session-text.js';

const { offsets, size } = layout.event;
/** Far more than strands ever are; what is beyond is counted as lost. */
const mostWays = 4_096;

/** One counting. */
export class SessionMoves {
  readonly #meanings: Pick<Meanings, 'lastNameOf'>;
  readonly #epoch = randomBytes(4).toString('hex');
  readonly #moves = new Map<string, Move>();
  #lost = 0;

  constructor(meanings: Pick<Meanings, 'lastNameOf'>) {
    this.#meanings = meanings;
  }

  get answer(): MovesAnswer {
    return { epoch: this.#epoch, lost: this.#lost, moves: [...this.#moves.values()] };
  }

  /** Count the moves among these records; whether there was something to count. */
  take(records: Buffer, lost: number): boolean {
    const found = new Map<number, number>();
    for (let at = 0; at + size <= records.length; at += size) {
      if (records[at + offsets.kind] !== layout.eventKinds.move) continue;
      const from = records.readUInt16LE(at + offsets.from);
      const to = records.readUInt16LE(at + offsets.strand);
      const way = from * 65_536 + to;
      found.set(way, (found.get(way) ?? 0) + 1);
    }
    for (const [way, sessions] of found) this.#add(way, sessions);
    this.#lost += lost;
    return found.size > 0 || lost > 0;
  }

  #add(way: number, sessions: number): void {
    const from = this.#end(Math.floor(way / 65_536));
    const to = this.#end(way % 65_536);
    const key = JSON.stringify([from, to]);
    const before = this.#moves.get(key)?.sessions;
    if (before === undefined && this.#moves.size >= mostWays) this.#lost += sessions;
    else this.#moves.set(key, { from, to, sessions: (before ?? 0) + sessions });
  }

  #end(number: number): EndOfMove {
    const { name, link } = this.#meanings.lastNameOf('strand', number) ?? {};
    return { strand: name ?? `#${String(number)}`, link: link ?? '' };
  }
}

/** What {@link MoveCounting} works with. */
export interface MoveCountingOptions {
  readonly feed: Pick<SessionFeed, 'count'>;
  readonly meanings: Pick<Meanings, 'lastNameOf'>;
}

/** Counts while somebody wants it, each time from zero. */
export class MoveCounting {
  readonly #options: MoveCountingOptions;
  #moves: SessionMoves;

  constructor(options: MoveCountingOptions) {
    this.#options = options;
    this.#moves = new SessionMoves(options.meanings);
  }

  /** As of now, or as it was last. */
  get answer(): MovesAnswer {
    return this.#moves.answer;
  }

  /** Count anew until disposed; `changed` is called after each change. */
  begin(changed: () => void): Disposable {
    const moves = new SessionMoves(this.#options.meanings);
    const counting = this.#options.feed.count((records, lost) => {
      if (moves.take(records, lost)) changed();
    });
    this.#moves = moves;
    changed();
    return counting;
  }
}
