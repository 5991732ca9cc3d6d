// SPDX-License-Identifier: Apache-2.0
/**
 * Keeps one process of a site running: one that dies is started again after a
 * pause that grows while it dies soon, and others are not touched.
 */
import { status } from '@grpc/grpc-js';
import type { Clock } from '../../api/chain/clock.js';
import { WireError } from '../../api/errors/wire-error.js';
import type { Logger } from '../../api/log/log.js';
import { Wake } from '../../api/registry/backoff.js';
import type { Child, Exit, Launch } from './child.js';
import type { Role } from './roles.js';

/** What a {@link Keeper} works with. */
export interface KeeperOptions {
  readonly role: Role;
  readonly launch: Launch;
  readonly clock: Clock;
  readonly log: Logger;
  /** The process is another one now, or none. */
  readonly onChange?: () => void;
}

const firstPauseMs = 100;
const longestPauseMs = 10_000;
/** What ran so long did not die of its start. */
const soundMs = 10_000;
/** More than `live` gives itself. */
const patienceMs = 8_000;

/** See the head of this file. */
export class Keeper {
  readonly role: Role;
  readonly #options: KeeperOptions;
  readonly #wake = new Wake();
  #child: Child | undefined;
  #ending = false;
  #pauseMs = firstPauseMs;
  #loop: Promise<void> = Promise.resolve();

  constructor(options: KeeperOptions) {
    this.role = options.role;
    this.#options = options;
  }

  /** The process that runs at present. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Start it; rejects where it ends before it was ever ready: then it is not tried again. */
  async start(): Promise<void> {
    const { clock } = this.#options;
    const startedMs = clock.now();
    const child = this.#launch();
    const early = await Promise.race([child.ready.then(() => undefined), child.ended]);
    if (early !== undefined) {
      this.#gone();
      const text = `the ${this.role.name} ended before it was ready (${told(early)}); its last words are above`;
      throw new WireError(status.UNAVAILABLE, text);
    }
    this.#loop = this.#keep(child, startedMs);
  }

  /** End it, by force where it takes too long; resolves when it is gone. */
  async end(): Promise<void> {
    this.#ending = true;
    this.#wake.now();
    const child = this.#child;
    if (child !== undefined) {
      const { clock, log } = this.#options;
      using _late = clock.after(patienceMs, () => {
        log.error({ process: this.role.name, patienceMs }, 'not ended in time: killing it');
        child.kill('SIGKILL');
      });
      child.kill('SIGTERM');
      await child.ended;
    }
    await this.#loop;
  }

  async #keep(first: Child, firstMs: number): Promise<void> {
    const { clock, log } = this.#options;
    let [child, startedMs] = [first, firstMs];
    for (;;) {
      const exit = await child.ended;
      this.#gone();
      if (this.#isEnding()) return;
      if (clock.now() - startedMs >= soundMs) this.#pauseMs = firstPauseMs;
      const pauseMs = this.#pauseMs;
      this.#pauseMs = Math.min(pauseMs * 2, longestPauseMs);
      log.warn({ process: this.role.name, ...exit, pauseMs }, 'a process ended: starting it again');
      await this.#wake.after(clock, pauseMs);
      if (this.#isEnding()) return;
      startedMs = clock.now();
      child = this.#launch();
      const { pid } = child;
      void child.ready.then(() => {
        log.info({ process: this.role.name, pid }, 'a process is ready again');
      });
    }
  }

  #launch(): Child {
    const child = this.#options.launch(this.role);
    this.#child = child;
    this.#options.onChange?.();
    return child;
  }

  #gone(): void {
    this.#child = undefined;
    this.#options.onChange?.();
  }

  #isEnding(): boolean {
    return this.#ending;
  }
}

function told({ code, signal }: Exit): string {
  return signal === null ? `exit code ${String(code)}` : signal;
}
