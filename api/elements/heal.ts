// SPDX-License-Identifier: Apache-2.0
/**
 * Mends a connection that the next hop lost or that carries nothing any more.
 *
 * When: on the way back begins to listen and to check, until the connection ends.
 * Where: in a client that owns its connections (not in a proxy), after
 * `begin` and `clientUrl`, before `remote`.
 * Leaves: nothing.
 *
 * Alive (`liveness` says so): the Request is repeated as it was. Dead, or nobody can
 * tell, or the mesh no longer knows the endpoint (upstream repeats for ever then,
 * if the endpoint's namespace outlived its process): closed and chosen anew.
 * Repeated with a back-off until it succeeds. Where a hop asks for a refresh, the
 * Request is repeated once.
 *
 * A forwarder that steers the wire knows better than pings: where it says that no strand
 * is left and that waiting is all there is to do, for so long the wire is neither closed nor
 * chosen anew, and is as it was when a strand answers. It gets the time that it
 * needs to find that out before pings are believed.
 */
import { status } from '@grpc/grpc-js';
import type { Call } from '../chain/call.js';
import { delay } from '../chain/clock.js';
import { ownSegment } from '../chain/connection.js';
import { Deadline } from '../chain/deadline.js';
import type { Step } from '../chain/element.js';
import { stateKey } from '../chain/state.js';
import { WireError } from '../errors/wire-error.js';
import { State, type Connection } from '../gen/connection.js';
import type { Channels } from '../grpc/channel.js';
import { detectionOf, waitOf } from './link-metrics.js';
import { nextHop } from './next-hop.js';
import { peerMonitors, type News } from './peer-monitor.js';

/** Whether packets still reach the other end of a connection. */
export type Liveness = (connection: Connection, signal: AbortSignal) => Promise<boolean>;

/** What healing goes by. */
export interface HealOptions {
  readonly channels: Channels;
  /** Without it a connection in doubt counts as dead. */
  readonly liveness?: Liveness | undefined;
  /** Between two checks; 200 unless given. Five times that where a forwarder watches the wire's links, while all is well. */
  readonly intervalMs?: number;
  /** For one check; 1,000 unless given. */
  readonly timeoutMs?: number;
}

const firstBackOffMs = 200;
const longestBackOffMs = 5_000;
/** What a forwarder's word may take to us beyond its time of detection. */
const tellMs = 1_000;
/** Pings are believed late there anyway, and many clients on one machine are many pings. */
const watchedFactor = 5;
const healerKey = stateKey<Healer>('heal');

/** The element. */
export function heal(options: HealOptions): Step {
  return {
    kind: 'step',
    name: 'heal',

    async request(call, request, next) {
      const answer = await next(call, request);
      call.state.getOr(healerKey, () => new Healer(call, options)).keep(answer, call);
      return answer;
    },

    // The healer is left to the State: a reselect that fails needs it to try again.
    close: () => Promise.resolve(),
  };
}

class Healer implements Disposable {
  readonly #options: HealOptions;
  readonly #abort = new AbortController();
  readonly #call: Call;
  #connection: Connection | undefined;
  #watch: (Disposable & { readonly url: string }) | undefined;
  #healing = false;
  /** Until when nothing but its links is wrong; with another number at each change. */
  #waitUntilMs: number | undefined;
  #waits = 0;

  constructor(call: Call, options: HealOptions) {
    this.#call = call;
    this.#options = options;
    if (options.liveness === undefined) return;
    this.#check().catch((reason: unknown) => {
      if (!this.#abort.signal.aborted) call.log.error({ err: reason }, 'liveness checks ended');
    });
  }

  keep(connection: Connection, call: Call): void {
    this.#connection = connection;
    this.#wait(connection);
    const url = call.state.get(nextHop);
    if (url === undefined || this.#watch?.url === url) return;
    this.#watch?.[Symbol.dispose]();
    const { name, id } = ownSegment(connection);
    const told = (news: News): void => {
      this.#told(news);
    };
    const { clock, log } = call;
    const { channels } = this.#options;
    const watch = peerMonitors(channels).watch(url, { name, id, told }, { clock, log });
    this.#watch = Object.assign(watch, { url });
  }

  [Symbol.dispose](): void {
    this.#abort.abort();
    this.#watch?.[Symbol.dispose]();
  }

  #told(news: News): void {
    if (news.kind === 'gone') this.#waitUntilMs = undefined;
    if (news.kind !== 'is') {
      this.#heal(news.kind);
      return;
    }
    const { connection } = news;
    this.#wait(connection);
    if (connection.state === State.REFRESH_REQUESTED) this.#refresh();
    else if (connection.state === State.DOWN && !this.#isWaiting()) this.#heal('is');
  }

  /** Know what a forwarder says of the wire's links. */
  #wait(connection: Connection): void {
    const waitMs = waitOf(connection);
    const was = this.#isWaiting();
    this.#waitUntilMs = waitMs === undefined ? undefined : this.#call.clock.now() + waitMs;
    const is = this.#isWaiting();
    if (was === is) return;
    this.#waits++;
    const { log } = this.#call;
    if (is) log.warn({ waitMs }, 'no link is left for the wire: it waits for one');
    else log.info('a link is back for the wire, or there is nothing to wait for');
  }

  #isWaiting(): boolean {
    const { clock } = this.#call;
    return this.#waitUntilMs !== undefined && clock.now() < this.#waitUntilMs;
  }

  async #check(): Promise<void> {
    const { clock } = this.#call;
    let sinceMs: number | undefined;
    for (;;) {
      await delay(clock, this.#intervalMs(sinceMs !== undefined), this.#abort.signal);
      if (this.#healing || this.#isWaiting()) {
        sinceMs = undefined;
        continue;
      }
      const [startMs, waits] = [clock.now(), this.#waits];
      // What was asked while there was no link tells nothing.
      if ((await this.#isAlive()) || waits !== this.#waits) sinceMs = undefined;
      else sinceMs = Math.min(sinceMs ?? startMs, clock.now());
      if (sinceMs === undefined || clock.now() - sinceMs < this.#patienceMs()) continue;
      sinceMs = undefined;
      this.#heal('dead');
    }
  }

  #intervalMs(isInDoubt: boolean): number {
    const { intervalMs = 200 } = this.#options;
    const isWatched = this.#connection !== undefined && detectionOf(this.#connection) !== undefined;
    return isWatched && !isInDoubt ? intervalMs * watchedFactor : intervalMs;
  }

  /** How long pings may fail before they are believed. */
  #patienceMs(): number {
    const detectionMs = this.#connection && detectionOf(this.#connection);
    return detectionMs === undefined ? 0 : detectionMs + tellMs;
  }

  async #isAlive(): Promise<boolean> {
    const { liveness, timeoutMs = 1_000 } = this.#options;
    if (liveness === undefined || this.#connection === undefined) return false;
    using deadline = new Deadline(this.#call.clock, timeoutMs, this.#abort.signal);
    try {
      return await liveness(this.#connection, deadline.signal);
    } catch (reason) {
      this.#call.log.debug({ err: reason }, 'liveness check failed');
      return false;
    }
  }

  /** Somebody on the way has something new to say (upstream's `upstreamrefresh`). */
  #refresh(): void {
    const { again, log } = this.#call;
    again.request({ signal: this.#abort.signal }).catch((reason: unknown) => {
      if (!this.#abort.signal.aborted)
        log.info({ err: reason }, 'a refresh that was asked for failed');
    });
  }

  #heal(why: News['kind'] | 'dead'): void {
    if (this.#healing || this.#abort.signal.aborted) return;
    this.#healing = true;
    this.#call.log.info({ why }, 'healing');
    this.#untilHealed(why === 'dead')
      .catch((reason: unknown) => {
        if (!this.#abort.signal.aborted) this.#call.log.error({ err: reason }, 'healing ended');
      })
      .finally(() => {
        this.#healing = false;
      });
  }

  async #untilHealed(isDead: boolean): Promise<void> {
    const { again, clock, log } = this.#call;
    const { signal } = this.#abort;
    let isUnknown = false;
    for (let backOffMs = firstBackOffMs; ; backOffMs = Math.min(backOffMs * 2, longestBackOffMs)) {
      // Found out meanwhile: it was only its links.
      if (isDead && this.#isWaiting()) return;
      const reselect = isDead || isUnknown || !(this.#isWaiting() || (await this.#isAlive()));
      try {
        await again.request({ reselect, signal });
        return;
      } catch (reason) {
        if (signal.aborted) return;
        isUnknown = reason instanceof WireError && reason.code === status.NOT_FOUND;
        log.info({ err: reason, reselect }, 'healing failed: trying again');
      }
      await delay(clock, backOffMs, signal);
    }
  }
}
