// SPDX-License-Identifier: Apache-2.0
/** Smooth weighted round robin: of weights 2 and 1, a b a, never a a b. With equal weights, plain turns. */

/** Whose turn it is, for one set of names that may change from time to time. */
export class WeightedTurn {
  #credits = new Map<string, number>();

  /** The weights' names, best first: the first has the turn, the others are for when it fails. */
  order(weights: ReadonlyMap<string, number>): string[] {
    const credits = new Map<string, number>();
    let total = 0;
    for (const [name, weight] of weights) {
      credits.set(name, (this.#credits.get(name) ?? 0) + weight);
      total += weight;
    }
    // The sort is stable: of equals, the first named comes first.
    const order = [...credits].sort(([, a], [, b]) => b - a).map(([name]) => name);
    const [winner] = order;
    if (winner !== undefined) credits.set(winner, (credits.get(winner) ?? 0) - total);
    this.#credits = credits;
    return order;
  }
}
