// SPDX-License-Identifier: Apache-2.0
/** What a witness prints (`bpf/tools/witness`), line by line, and the sum of it. */

/** How many requests of a user passed, each counted once in each direction. */
export interface Passed {
  readonly out: number;
  readonly in: number;
}

/** As the device's namespace sees it. */
export type PassedDirection = 'out' | 'in';

/** What the witness says of itself in the end. */
export interface WitnessSummary {
  /** That were told. */
  readonly tokens: number;
  readonly packets: number;
  /** That the kernel had no room for. */
  readonly drops: number;
  /** That were too long to be seen whole. */
  readonly truncated: number;
  /** Tokens that were seen and could not be remembered. */
  readonly overflow: number;
  /** Streams that were given up for others: what was cut between two segments may be missing. */
  readonly forgotten: number;
}

const directions = ['out', 'in'] as const;
const counts = ['tokens', 'packets', 'drops', 'truncated', 'overflow', 'forgotten'] as const;

/** See the head of this file. */
export class Sightings {
  readonly #users = new Map<string, Record<PassedDirection | 'either', Set<number>>>();
  #summary: WitnessSummary | undefined;

  /** One line; an Error quotes a line that no witness prints. */
  take(line: string): void {
    const said = parse(line);
    const { user, number, direction } = said;
    const way = directions.find((one) => one === direction);
    if (typeof user === 'string' && typeof number === 'number' && way !== undefined) {
      const known = this.#users.get(user) ?? { out: new Set(), in: new Set(), either: new Set() };
      known[way].add(number);
      known.either.add(number);
      this.#users.set(user, known);
    } else if (isSummary(said)) {
      this.#summary = said;
    } else {
      throw new Error(`a witness says ${JSON.stringify(line)}`);
    }
  }

  /** By user. */
  seen(): ReadonlyMap<string, Passed> {
    return new Map(
      [...this.#users].map(([user, ids]) => [user, { out: ids.out.size, in: ids.in.size }]),
    );
  }

  /** The requests of one user that passed in that direction, or in either. */
  ids(user: string, direction: PassedDirection | 'either' = 'either'): ReadonlySet<number> {
    return this.#users.get(user)?.[direction] ?? new Set();
  }

  /** Once it has ended as it should. */
  get summary(): WitnessSummary | undefined {
    return this.#summary;
  }
}

function parse(line: string): Readonly<Partial<Record<string, unknown>>> {
  try {
    const said: unknown = JSON.parse(line);
    if (typeof said === 'object' && said !== null) return said as Record<string, unknown>;
  } catch {
    // It is told below.
  }
  return {};
}

function isSummary(said: unknown): said is WitnessSummary {
  const all = said as Readonly<Partial<Record<string, unknown>>>;
  return counts.every((name) => typeof all[name] === 'number');
}
