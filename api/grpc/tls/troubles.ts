// SPDX-License-Identifier: Apache-2.0
/** Says the same trouble once a minute: a peer that is refused comes again every half second. */
import type { Clock } from '../../chain/clock.js';
import type { Logger } from '../../log/log.js';

const againMs = 60_000;
const mostTexts = 256;

/** See the head of this file. */
export class Troubles {
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #saidMs = new Map<string, number>();

  constructor({ log, clock }: { readonly log: Logger; readonly clock: Clock }) {
    this.#log = log;
    this.#clock = clock;
  }

  /** A warning, or a word for debugging where it has been said. */
  tell(url: string, trouble: unknown): void {
    const reason = trouble instanceof Error ? trouble.message : String(trouble);
    const now = this.#clock.now();
    const key = `${url} ${reason}`;
    const isNew = now - (this.#saidMs.get(key) ?? -Infinity) >= againMs;
    if (isNew) {
      if (this.#saidMs.size >= mostTexts) this.#saidMs.clear();
      this.#saidMs.set(key, now);
    }
    this.#log[isNew ? 'warn' : 'debug']({ url, reason }, 'a connection was refused or lost');
  }
}
