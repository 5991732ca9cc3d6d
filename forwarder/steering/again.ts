// SPDX-License-Identifier: Apache-2.0
/**
 * Tells peers of our links anew, by asking again for the wires that go to them,
 * a few at a time. One wire is enough for a peer to know of every strand; the
 * others follow for the sake of their MTU.
 */
import type { Again } from '../../api/chain/call.js';
import type { Logger } from '../../api/log/log.js';

const atOnce = 4;

/** See the head of this file. */
export class AskAgain {
  readonly #log: Logger;
  readonly #wires = new Map<string, Again>();
  #isRunning = false;
  #wanted = false;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** A wire that we asked for. */
  keep(id: string, again: Again): void {
    this.#wires.set(id, again);
  }

  /** It is closed. */
  forget(id: string): void {
    this.#wires.delete(id);
  }

  /** Ask for all; while that is under way, once more when it is done. */
  all(): void {
    this.#wanted = true;
    if (!this.#isRunning) void this.#run();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#wanted) {
      this.#wanted = false;
      const ids = [...this.#wires.keys()];
      await Promise.all(
        Array.from({ length: atOnce }, async () => {
          for (let id = ids.shift(); id !== undefined; id = ids.shift()) await this.#ask(id);
        }),
      );
    }
    this.#isRunning = false;
  }

  async #ask(id: string): Promise<void> {
    try {
      await this.#wires.get(id)?.request();
    } catch (reason) {
      // Its client's refresh asks again.
      this.#log.warn({ conn: id, err: reason }, 'the peer could not be told of our links');
    }
  }
}
