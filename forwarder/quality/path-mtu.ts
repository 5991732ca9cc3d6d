// SPDX-License-Identifier: Apache-2.0
/**
 * The largest inner packet that passes by one strand, found by large probes: RFC 8899 in
 * spirit. What the devices say is believed until it is refuted; then 1280 bytes are used at
 * once, and more as soon as they are proven. Has no clock and no timer: what is given the
 * same does the same.
 *
 * A large probe that is lost is no loss of the link's: it counts only where usual
 * probes that were sent later are answered.
 */
import { leastMtu } from '../steering/strands.js';

/** How near the size that is found is to the one that is: at most so many bytes below. */
export const withinBytes = 8;
/** How often a size that passes is confirmed: what is flat is cheap. */
export const confirmMs = { flat: 5_000, metered: 30_000, idle: 300_000 } as const;
/** How soon more than was found is tried again, and how seldom at last (RFC 8899: PMTU_RAISE_TIMER). */
export const raiseMs = { first: 60_000, last: 600_000 } as const;
/** Between two tries where one could not be sent. */
const againMs = 1_000;
/** A size is refused when so many tries in a row are not answered; more of them where loss could do that. */
const tries = { least: 3, most: 12 } as const;
/** The chance of which is to be less than this. */
const chance = 1e-6;
/** What the newest try tells about the loss of large packets. */
const gain = 1 / 8;

/** What became of the last try; `refused` by the kernel, which need not ask; `void` tells nothing. */
export type Outcome = 'pending' | 'answered' | 'missed' | 'refused' | 'void';

/** A strand at one moment. */
export interface PathMoment {
  readonly nowMs: number;
  /** What both devices carry. */
  readonly base: number;
  /** Usual probes are answered. */
  readonly answers: boolean;
  /** Of the try that was asked for last. */
  readonly outcome: Outcome;
  /** For how long a size that passed is believed. */
  readonly confirmMs: number;
  /** Of usual probes, 0 to 1. */
  readonly loss: number;
  /** Others on its line have not just sent theirs: else it waits for a later look. */
  readonly mayAsk: boolean;
}

/** The size is another. */
export interface PathChange {
  readonly from: number;
  readonly to: number;
  readonly why: string;
}

/** What is to be done. */
export interface PathStep {
  /** The largest inner packet, from now on. */
  readonly mtu: number;
  /** Send a large probe as long as such a packet would be. */
  readonly ask?: number;
  /** What was found; only when a search has ended. */
  readonly change?: PathChange;
}

interface Aim {
  readonly size: number;
  readonly what: 'confirm' | 'base' | 'floor' | 'search';
  misses: number;
}

/** How many tries must be in vain. */
export function triesFor(loss: number): number {
  if (loss <= 0) return tries.least;
  const needed = loss >= 1 ? tries.most : Math.ceil(Math.log(chance) / Math.log(loss));
  return Math.min(Math.max(needed, tries.least), tries.most);
}

/** See the head of this file. */
export class PathMtu {
  #mtu: number;
  #told: number;
  #base: number;
  /** Whether any large probe was ever answered. */
  #isKnown = false;
  #isTooSmall = false;
  #answered = false;
  #aim: Aim | undefined;
  /** The try is to be sent at this time; `undefined` while it is under way. */
  #sendMs: number | undefined;
  /** Of a search: what passes, and what does not. */
  #low = 0;
  #high = 0;
  #confirmedMs = 0;
  #raiseAtMs = Infinity;
  #raiseMs: number = raiseMs.first;
  /** Of large packets that were lost and then passed. */
  #loss = 0;

  /** `mtu` is what a former life found; `base` where it found nothing. */
  constructor(base: number, mtu: number = base) {
    this.#base = base;
    this.#mtu = Math.min(base, mtu);
    this.#told = this.#mtu;
  }

  get mtu(): number {
    return this.#mtu;
  }

  /** What was believed may be wrong: look soon again. */
  get isDoubted(): boolean {
    const aim = this.#aim;
    return aim !== undefined && (aim.misses > 0 || aim.what === 'floor' || aim.what === 'search');
  }

  /** A try is under way, or about to be. */
  get isBusy(): boolean {
    return this.#aim !== undefined;
  }

  /** Large probes were answered: it is not just what devices say. */
  get isProbed(): boolean {
    return this.#isKnown;
  }

  /** In words; nothing where all is as the devices say. */
  get why(): string {
    if (this.#isTooSmall) return `not even ${String(leastMtu)} bytes pass`;
    return this.#mtu < this.#base ? `path MTU ${String(this.#mtu)} of ${String(this.#base)}` : '';
  }

  /** One look; what it asks for is to be asked at once, and its outcome given with the next. */
  step(moment: PathMoment): PathStep {
    const { nowMs, base, answers, outcome } = moment;
    let why = '';
    if (base !== this.#base) why = this.#rebase(base);
    if (!answers) {
      this.#aim = undefined;
    } else if (!this.#answered || why !== '') {
      // Back again, by whatever way: it may carry all.
      this.#raiseMs = raiseMs.first;
      this.#take('base', base, nowMs);
    } else if (this.#aim !== undefined && this.#sendMs === undefined) {
      why = this.#judge(this.#aim, outcome, moment);
    } else if (this.#aim === undefined) {
      this.#rest(moment);
    }
    this.#answered = answers;
    const change = this.#changed(why);
    return {
      mtu: this.#mtu,
      ...(change && { change }),
      ...(moment.mayAsk && this.#asked(nowMs)),
    };
  }

  #asked(nowMs: number): { ask?: number } {
    if (this.#aim === undefined || this.#sendMs === undefined || nowMs < this.#sendMs) return {};
    this.#sendMs = undefined;
    return { ask: this.#aim.size };
  }

  #changed(why: string): PathChange | undefined {
    if (why === '' || this.#told === this.#mtu) return undefined;
    const change = { from: this.#told, to: this.#mtu, why };
    this.#told = this.#mtu;
    return change;
  }

  /** The devices carry another size. */
  #rebase(base: number): string {
    const isBelieved = !this.#isKnown && this.#mtu === this.#base;
    this.#base = base;
    this.#mtu = isBelieved ? base : Math.min(this.#mtu, base);
    return `the devices carry ${String(base)} bytes`;
  }

  #take(what: Aim['what'], size: number, nowMs: number): void {
    this.#aim = { what, size, misses: 0 };
    this.#sendMs = nowMs;
  }

  /** Nothing is under way: is something due? */
  #rest({ nowMs, confirmMs: everyMs }: PathMoment): void {
    if (this.#mtu < this.#base || !this.#isKnown) {
      if (nowMs >= this.#raiseAtMs) {
        this.#take('base', this.#base, nowMs);
        return;
      }
    }
    if (this.#isKnown && nowMs - this.#confirmedMs >= everyMs) {
      this.#take('confirm', this.#mtu, nowMs);
    }
  }

  /** What a try tells; says why, where that ends a search. */
  #judge(aim: Aim, outcome: Outcome, moment: PathMoment): string {
    const { nowMs, loss } = moment;
    if (outcome === 'pending') return '';
    if (outcome === 'answered') return this.#passes(aim, nowMs);
    if (outcome === 'void') {
      this.#sendMs = nowMs + againMs;
      return '';
    }
    if (outcome === 'missed' && ++aim.misses < triesFor(Math.max(loss, this.#loss))) {
      this.#sendMs = nowMs;
      return '';
    }
    return this.#fails(aim, nowMs);
  }

  #passes({ what, size, misses }: Aim, nowMs: number): string {
    this.#isKnown = true;
    this.#isTooSmall = false;
    this.#loss += gain * (misses / (misses + 1) - this.#loss);
    if (what === 'confirm' || what === 'base') {
      const isMore = size > this.#mtu;
      this.#mtu = size;
      if (size === this.#base) this.#raiseMs = raiseMs.first;
      this.#end(nowMs);
      return isMore ? `${String(size)} bytes pass` : this.#raisedText();
    }
    this.#low = size;
    this.#mtu = size;
    return this.#search(nowMs);
  }

  #fails({ what, size }: Aim, nowMs: number): string {
    if (what === 'floor' || size <= leastMtu) return this.#giveUp(nowMs);
    this.#high = size;
    if (what === 'search') return this.#search(nowMs);
    if (size > this.#mtu) {
      this.#low = this.#mtu;
      return this.#search(nowMs);
    }
    this.#take('floor', leastMtu, nowMs);
    return '';
  }

  /** The next size of a search, or its end. */
  #search(nowMs: number): string {
    if (this.#high - this.#low > withinBytes) {
      this.#take('search', (this.#low + this.#high) >>> 1, nowMs);
      return '';
    }
    this.#mtu = this.#low;
    this.#raiseLater(nowMs);
    return `${String(this.#high)} bytes do not pass, ${String(this.#low)} do`;
  }

  /** Not even the least passes: either nothing large is ever answered, or the path is too small. */
  #giveUp(nowMs: number): string {
    this.#mtu = this.#isKnown ? Math.min(leastMtu, this.#base) : this.#base;
    this.#isTooSmall = this.#isKnown;
    this.#raiseLater(nowMs);
    return this.#isKnown ? this.why : 'large probes are not answered';
  }

  #raiseLater(nowMs: number): void {
    this.#raiseAtMs = nowMs + this.#raiseMs;
    this.#raiseMs = Math.min(2 * this.#raiseMs, raiseMs.last);
    this.#end(nowMs);
  }

  #raisedText(): string {
    return this.#mtu === this.#told ? '' : `${String(this.#mtu)} bytes pass`;
  }

  #end(nowMs: number): void {
    this.#aim = undefined;
    this.#confirmedMs = nowMs;
  }
}
