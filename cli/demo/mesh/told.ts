// SPDX-License-Identifier: Apache-2.0
/** What the demo tells: text for people, or an object a line for machines. */
import { screen, type Screen } from '../screen.js';
import type { Tally } from './tally.js';

/** The sum of everything. */
export interface Sum {
  readonly requests: number;
  readonly failed: number;
  readonly wrongByWitness: number;
  readonly wrongByAudit: number;
  readonly resets: number;
}

/** See the head of this file. */
export interface Told {
  /** Says nothing where machines read. */
  readonly screen: Screen;
  /** Users' requests of a phase; people get them as a table. */
  tallies(phase: string, tallies: readonly Tally[]): void;
  sum(sum: Sum): void;
}

/** For people. */
export function toldToPeople(out: NodeJS.WritableStream & { isTTY?: boolean }): Told {
  return { screen: screen(out), tallies: nothing, sum: nothing };
}

/** For machines. */
export function toldToMachines(out: NodeJS.WritableStream): Told {
  const line = (one: object): void => {
    out.write(`${JSON.stringify(one)}\n`);
  };
  return {
    screen: { title: nothing, row: nothing, table: nothing },
    tallies: (phase, tallies) => {
      for (const one of tallies) line({ phase, ...one });
    },
    sum: (sum) => {
      line({ sum });
    },
  };
}

function nothing(): void {
  // People have the screen, machines the rest.
}
