// SPDX-License-Identifier: Apache-2.0
/** What is measured: our processes, or the bare chain they are compared with. Both are asked by the same client. */
import type { Connection } from '../../api/gen/connection.js';
import type { Caller } from '../stage/caller.js';
import type { Player } from '../../lab/world.js';

/** One of the two. */
export interface Side {
  /** Its client's calls. */
  readonly caller: Caller;
  /** Where its wires end. */
  readonly pod: Player;
  readonly podUrl: string;
  /** What is asked for: `hello` where not given. */
  readonly service?: string;
}

/** Wires have names of their own, so that any number can be held at once. */
export function ask(side: Side, id: string): Promise<Connection> {
  return side.caller.ask(
    { id, service: side.service ?? 'hello', interfaceName: `w${id}`, inodeUrl: side.podUrl },
    60_000,
  );
}

/** Milliseconds that `act` took. */
export async function timed(act: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await act();
  return performance.now() - start;
}
