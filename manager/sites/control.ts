// SPDX-License-Identifier: Apache-2.0
/**
 * The manager's listeners for other sites, as `spec.control` lists them now.
 *
 * An address that cannot be listened on (its link is not up yet, or somebody has
 * it) is tried again, with a pause that grows to half a minute: a site serves its own clients
 * meanwhile. One that is no longer listed is closed. Leaves nothing once disposed.
 */
import { status } from '@grpc/grpc-js';
import type { Clock, Timer } from '../../api/chain/clock.js';
import { WireError } from '../../api/errors/wire-error.js';
import type { Serving } from '../../api/grpc/serve.js';
import type { Logger } from '../../api/log/log.js';

/** How an address is listened on. */
export interface ControlOptions {
  /** Serve on one URL; rejects where that cannot be. */
  readonly serve: (url: string) => Promise<Serving>;
  readonly clock: Clock;
  readonly log: Logger;
}

const firstPauseMs = 500;
const longestPauseMs = 30_000;

/** See the head of this file. */
export class ControlListeners {
  readonly #options: ControlOptions;
  readonly #listeners = new Map<string, Listener>();

  constructor(options: ControlOptions) {
    this.#options = options;
  }

  /** Where it listens now. */
  get urls(): readonly string[] {
    return [...this.#listeners.values()].flatMap(({ url }) => url ?? []);
  }

  /** Listen on these `host:port`, and on no others; resolves once each was tried. */
  async set(control: readonly string[]): Promise<void> {
    const wanted = new Set(control);
    const gone = [...this.#listeners].filter(([place]) => !wanted.has(place));
    for (const [place] of gone) this.#listeners.delete(place);
    const fresh = [...wanted].filter((place) => !this.#listeners.has(place));
    const added = fresh.map((place) => {
      const listener = new Listener(place, this.#options);
      this.#listeners.set(place, listener);
      return listener;
    });
    await Promise.all([
      ...gone.map(([, listener]) => listener.close(0)),
      ...added.map((listener) => listener.open()),
    ]);
  }

  /** Close them all. */
  async close(graceMs: number): Promise<void> {
    const all = [...this.#listeners.values()];
    this.#listeners.clear();
    await Promise.all(all.map((listener) => listener.close(graceMs)));
  }
}

class Listener {
  readonly #place: string;
  readonly #options: ControlOptions;
  #serving: Serving | undefined;
  #timer: Timer | undefined;
  #pauseMs = firstPauseMs;
  #opening: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(place: string, options: ControlOptions) {
    this.#place = place;
    this.#options = options;
  }

  get url(): string | undefined {
    return this.#serving?.urls[0];
  }

  open(): Promise<void> {
    this.#opening = this.#open();
    return this.#opening;
  }

  async close(graceMs: number): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#opening.catch(() => undefined);
    await this.#serving?.close(graceMs);
  }

  async #open(): Promise<void> {
    const { serve, clock, log } = this.#options;
    const url = `tcp://${this.#place}`;
    try {
      this.#serving = await serve(url);
      log.info({ url }, 'listening for other sites');
    } catch (reason) {
      const pauseMs = this.#pauseMs;
      if (this.#isClosed()) return;
      // Not allowed, which no waiting changes.
      if (reason instanceof WireError && reason.code === status.FAILED_PRECONDITION) throw reason;
      log.warn({ url, err: reason, pauseMs }, 'not listening for other sites: trying again');
      this.#pauseMs = Math.min(pauseMs * 2, longestPauseMs);
      this.#timer = clock.after(pauseMs, () => {
        this.open().catch((again: unknown) => {
          log.error({ url, err: again }, 'not listening for other sites');
        });
      });
    }
  }

  #isClosed(): boolean {
    return this.#closed;
  }
}
