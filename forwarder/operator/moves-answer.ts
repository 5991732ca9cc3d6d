// SPDX-License-Identifier: Apache-2.0
/**
 * What `GET /moves` of the operator's socket answers: how many sessions went from one strand to another,
 * whoever decided it. They are counted while somebody follows `GET /changes`, from zero when the first
 * does; `epoch` tells one counting from another.
 */

/** Sessions that went one way. */
export interface Move {
  readonly from: EndOfMove;
  readonly to: EndOfMove;
  /** Moves: one session that went twice counts twice. */
  readonly sessions: number;
}

/** Names; of a strand that nobody knows any more, its number and no link. */
export interface EndOfMove {
  readonly strand: string;
  readonly link: string;
}

/** See the head of this file. */
export interface MovesAnswer {
  readonly epoch: string;
  /** Events that came faster than they could be counted: so many moves may be missing. */
  readonly lost: number;
  readonly moves: readonly Move[];
}
