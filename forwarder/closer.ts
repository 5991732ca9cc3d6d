// SPDX-License-Identifier: Apache-2.0
/**
 * Closes connections in the forwarder's own name: a namespace has died, or a
 * wire was adopted and nobody refreshed it. A Close of its own goes the whole
 * way, from the top of the chain, in line with whatever the peer sends.
 */
import type { Clock, Timer } from '../api/chain/clock.js';
import { Deadline } from '../api/chain/deadline.js';
import type { Chain } from '../api/chain/element.js';
import { State } from '../api/chain/state.js';
import { Connection } from '../api/gen/connection.js';
import type { Logger } from '../api/log/log.js';
import type { Wires } from './mechanisms/kernel/index.js';

/** In whose name. */
export interface CloserOptions {
  /** The forwarder's own, as in its path segment. */
  readonly name: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** When adopted wires are closed that nobody asked for again. */
export interface Unrefreshed {
  /** After which time, in milliseconds. */
  readonly afterMs: number;
  /** Which ones stand nevertheless, such as those of another site that still carry. */
  readonly isHeld: (id: string) => boolean;
  /** How long at most. */
  readonly holdMs: number;
}

const closeMs = 5_000;

/** See the head of this file. `chain` must be set before anything is closed. */
export class Closer {
  chain: Chain | undefined;
  readonly #options: CloserOptions;

  constructor(options: CloserOptions) {
    this.#options = options;
  }

  /** Close each; failures are logged. */
  closeAll(ids: readonly string[], why: string): void {
    for (const id of ids) {
      const log = this.#options.log.child({ conn: id });
      log.info({ why }, 'closing a wire');
      this.#close(id, log).catch((reason: unknown) => {
        log.warn({ err: reason }, 'closing a wire failed');
      });
    }
  }

  /** Close the adopted wires that stand as they were adopted after that time. Returns how to stop waiting. */
  closeUnrefreshed(
    adopted: ReadonlySet<string>,
    wires: Pick<Wires, 'get'>,
    { afterMs, isHeld, holdMs }: Unrefreshed,
  ): () => void {
    const { clock } = this.#options;
    const endMs = clock.now() + holdMs;
    let before = [...adopted].map((id) => [id, wires.get(id)] as const);
    const look = (): Timer =>
      clock.after(afterMs, () => {
        before = before.filter(([id, wire]) => wire && wires.get(id) === wire);
        const held = clock.now() >= endMs ? [] : before.filter(([id]) => isHeld(id));
        const going = before.filter((one) => !held.includes(one));
        this.closeAll(
          going.map(([id]) => id),
          'nobody refreshed the adopted wire',
        );
        before = held;
        if (before.length > 0) timer = look();
      });
    let timer = look();
    return () => {
      timer.cancel();
    };
  }

  async #close(id: string, log: Logger): Promise<void> {
    const { name, clock } = this.#options;
    using deadline = new Deadline(clock, closeMs);
    const path = { index: 0, pathSegments: [{ name, id }] };
    const nothing = { request: () => Promise.resolve(), close: () => Promise.resolve() };
    const call = {
      signal: deadline.signal,
      deadlineMs: deadline.atMs,
      log,
      clock,
      state: new State(),
      again: nothing,
    };
    await this.chain?.close(call, Connection.fromPartial({ id, path }));
  }
}
