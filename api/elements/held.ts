// SPDX-License-Identifier: Apache-2.0
/**
 * How long a connection stands that nobody refreshes: `timeout` keeps one of these for each.
 *
 * Ordinarily until shortly before the caller's token expires. A caller on another site may
 * be cut off while the wire carries on, so a held one is looked at every quarter of
 * that time: it ends when it has been of no use for as long as a token lives, when the next
 * hop has closed it, or when the hold is over. Meanwhile a hop that is followed by
 * others asks them again itself, with a token of its own, or they would time out.
 */
import type { Call } from '../chain/call.js';
import type { Timer } from '../chain/clock.js';
import { ownSegment, timestampMs } from '../chain/connection.js';
import { stateKey } from '../chain/state.js';
import type { Connection } from '../gen/connection.js';
import type { PathTrust } from '../identity/path-trust.js';

/** Which connections are held, and how. */
export interface HeldOptions {
  /** Whether a connection is one to hold, such as one of another site of ours; asked with each answer. */
  readonly holds: (call: Call, answer: Connection) => boolean;
  /** Whether it still carries (by this hop's id); yes where not given. */
  readonly usable?: (id: string) => boolean;
  /** Whether all in its path are trusted now; yes where not given. One that was withdrawn is not held. */
  readonly trusts?: PathTrust;
  /** How long at most since the caller's last Request. */
  readonly holdMs: number;
  /** Ask the next hop again while it is held: in a forwarder. */
  readonly refreshes?: boolean;
}

/** The time a connection has. */
export interface Lease extends Disposable {
  /** Go on where it was stopped. */
  start(call: Call): void;
  stop(): void;
  /** The caller has been heard again: it is over. */
  renewed(): void;
  /** The next hop has closed the connection, or does not know it any more. */
  lost(how: 'gone' | 'missing'): void;
}

/** The lease of a connection. */
export const leaseKey = stateKey<Lease>('timeout');

/** Ends at its time, or `goneMs` after the next hop has closed the connection and nobody has asked again. */
export class PlainLease implements Lease {
  readonly #goneMs: number;
  #atMs: number;
  #call: Call;
  #timer: Timer | undefined;

  constructor(call: Call, atMs: number, goneMs = Infinity) {
    this.#goneMs = goneMs;
    this.#atMs = atMs;
    this.#call = call;
    this.start(call);
  }

  start(call: Call): void {
    this.#call = call;
    this.#wait('the client stopped refreshing: closing');
  }

  stop(): void {
    this.#timer?.cancel();
  }

  renewed(): void {
    this.stop();
  }

  lost(how: 'gone' | 'missing'): void {
    // The client is told, and decides; but it may be gone as well.
    const atMs = this.#call.clock.now() + this.#goneMs;
    if (how !== 'gone' || atMs >= this.#atMs) return;
    this.#atMs = atMs;
    this.stop();
    this.#wait('the next hop has closed it, and nobody asks again: closing');
  }

  [Symbol.dispose](): void {
    this.stop();
  }

  #wait(why: string): void {
    const call = this.#call;
    this.#timer = call.clock.after(this.#atMs - call.clock.now(), () => {
      close(call, why);
    });
  }
}

/** Not more often than this, however short tokens live. */
const shortestPauseMs = 100;

/** See the head of this file. */
export class HeldLease implements Lease {
  readonly #options: HeldOptions;
  readonly #answer: Connection;
  readonly #heardMs: number;
  /** Until when it would have stood without the hold. */
  readonly #atMs: number;
  readonly #pauseMs: number;
  /** When the caller is late, and the hold begins. */
  readonly #lateMs: number;
  #call: Call;
  #timer: Timer | undefined;
  #isGone = false;
  #isTold = false;
  #isAsking = false;
  #uselessMs: number | undefined;

  constructor(call: Call, options: HeldOptions, answer: Connection, atMs: number) {
    const now = call.clock.now();
    const { expires } = ownSegment(answer);
    const ownMs = expires === undefined ? Infinity : timestampMs(expires);
    // What follows us goes by our token, what asks us by its own.
    const lifeMs = Math.min(atMs, ownMs) - now;
    this.#options = options;
    this.#answer = answer;
    this.#heardMs = now;
    this.#atMs = atMs;
    this.#pauseMs = Math.max(lifeMs / 4, shortestPauseMs);
    this.#lateMs = now + lifeMs * 0.4;
    this.#call = call;
    this.start(call);
  }

  start(call: Call): void {
    this.#call = call;
    this.#wait(Math.max(this.#lateMs - call.clock.now(), 0));
  }

  stop(): void {
    this.#timer?.cancel();
  }

  lost(how: 'gone' | 'missing'): void {
    const isLate = this.#call.clock.now() >= this.#lateMs;
    if (how === 'gone' || this.#options.refreshes !== true) this.#isGone = true;
    if (isLate) this.#wait(0);
  }

  renewed(): void {
    this.stop();
    if (this.#isTold) this.#call.log.info('another site is heard again: its wire is as before');
  }

  [Symbol.dispose](): void {
    this.stop();
  }

  #wait(delayMs: number): void {
    this.#timer?.cancel();
    this.#timer = this.#call.clock.after(delayMs, () => {
      this.#look();
    });
  }

  #look(): void {
    const { clock, log } = this.#call;
    const now = clock.now();
    const why = this.#over(now);
    if (why !== undefined) {
      close(this.#call, why);
      return;
    }
    if (now >= this.#atMs && !this.#isTold) {
      this.#isTold = true;
      log.info({ holdMs: this.#options.holdMs }, 'another site is silent: its wire is held');
    }
    if (this.#options.refreshes === true) this.#refresh();
    this.#wait(Math.min(this.#pauseMs, this.#endMs - now));
  }

  #refresh(): void {
    if (this.#isAsking) return;
    this.#isAsking = true;
    const { again, log } = this.#call;
    again
      .request()
      .catch((reason: unknown) => {
        log.info({ err: reason }, 'a held wire was not refreshed: trying again');
      })
      .finally(() => {
        this.#isAsking = false;
      });
  }

  /** A hold that is shorter than a token changes nothing. */
  get #endMs(): number {
    return Math.max(this.#heardMs + this.#options.holdMs, this.#atMs);
  }

  /** Why it ends now; nothing where it does not. */
  #over(now: number): string | undefined {
    const { usable, trusts } = this.#options;
    if (this.#isGone) return 'the next hop has closed a held wire: closing';
    if (now >= this.#endMs) return 'another site was silent for too long: closing';
    if (now >= this.#atMs && trusts?.(this.#answer) === false) {
      return 'the trust domain of another site was withdrawn: its wire is not held';
    }
    if (usable?.(this.#answer.id) !== false) this.#uselessMs = undefined;
    else this.#uselessMs ??= now;
    if (now < this.#atMs || this.#uselessMs === undefined) return undefined;
    const isUseless = now - this.#uselessMs >= this.#atMs - this.#heardMs;
    return isUseless ? 'a held wire carries nothing any more: closing' : undefined;
  }
}

function close({ again, log }: Call, why: string): void {
  log.info(why);
  again.close().catch((reason: unknown) => {
    log.error({ err: reason }, 'closing an expired connection failed');
  });
}
