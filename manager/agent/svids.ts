// SPDX-License-Identifier: Apache-2.0
/**
 * SVIDs of those who are connected: one an ID, made when it is first asked for, made anew at half
 * its life and when another root signs. Where that fails, the old one goes on, and it is tried again.
 */
import type { Clock, Timer } from '../../api/chain/clock.js';
import type { Bundles, Svid } from '../../api/identity/types.js';
import type { Logger } from '../../api/log/log.js';
import type { Authority } from '../authority/authority.js';

interface Kept {
  readonly svid: Svid;
  /** Milliseconds since 1970. */
  readonly renewAtMs: number;
}

const retryMs = 5_000;
/** A suspended machine's timers are late. */
const longestWaitMs = 30_000;

/** See the head of this file. */
export class Svids implements Disposable {
  readonly #authority: Authority;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #kept = new Map<string, Kept>();
  readonly #making = new Map<string, Promise<Svid>>();
  readonly #listeners = new Set<() => void>();
  readonly #off: () => void;
  #timer: Timer | undefined;
  #signer: string;

  constructor(authority: Authority, clock: Clock, log: Logger) {
    this.#authority = authority;
    this.#clock = clock;
    this.#log = log;
    this.#signer = authority.signer;
    this.#off = authority.onChange(() => this.#rooted());
  }

  get trustDomain(): string {
    return this.#authority.trustDomain;
  }

  /** All that is trusted now. */
  get bundles(): Bundles {
    return this.#authority.bundles;
  }

  /** Told when an SVID is due, or bundles are others: `current` says which. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The SVID of `spiffe://DOMAIN` and this path. */
  async current(path: string): Promise<Svid> {
    const kept = this.#kept.get(path);
    if (kept !== undefined && this.#clock.now() < kept.renewAtMs) return kept.svid;
    const making = this.#making.get(path) ?? this.#make(path);
    this.#making.set(path, making);
    try {
      return await making;
    } catch (reason) {
      const still = this.#kept.get(path);
      if (still === undefined || still.svid.notAfterMs <= this.#clock.now()) throw reason;
      this.#log.error({ err: reason, path }, 'an SVID is not renewed: trying again');
      this.#keep(path, { svid: still.svid, renewAtMs: this.#clock.now() + retryMs });
      return still.svid;
    } finally {
      if (this.#making.get(path) === making) this.#making.delete(path);
    }
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel();
    this.#off();
    this.#listeners.clear();
  }

  async #make(path: string): Promise<Svid> {
    const signer = this.#signer;
    const svid = await this.#authority.issue(path);
    const nowMs = this.#clock.now();
    const renewAtMs = nowMs + (svid.notAfterMs - nowMs) / 2;
    // Signed by a root that signs no more: the next who asks gets another.
    this.#keep(path, { svid, renewAtMs: signer === this.#signer ? renewAtMs : nowMs });
    this.#log.debug({ id: svid.id, until: new Date(svid.notAfterMs).toISOString() }, 'SVID made');
    return svid;
  }

  #keep(path: string, kept: Kept): void {
    this.#kept.set(path, kept);
    this.#plan();
  }

  /** Bundles are others, or another root signs now. */
  #rooted(): void {
    if (this.#authority.signer !== this.#signer) {
      this.#signer = this.#authority.signer;
      for (const [path, { svid }] of this.#kept) this.#kept.set(path, { svid, renewAtMs: 0 });
    }
    this.#tell();
  }

  #plan(): void {
    this.#timer?.cancel();
    const nowMs = this.#clock.now();
    const due = [...this.#kept.values()].map(({ renewAtMs }) => renewAtMs - nowMs);
    const waitMs = Math.min(longestWaitMs, ...due.filter((ms) => ms > 0));
    this.#timer = this.#clock.after(waitMs + 1, () => {
      const now = this.#clock.now();
      const isDue = [...this.#kept.values()].some(({ renewAtMs }) => renewAtMs <= now);
      if (isDue) this.#tell();
      this.#forget(now);
      this.#plan();
    });
  }

  /** What nobody has renewed has no more readers. */
  #forget(nowMs: number): void {
    for (const [path, { svid }] of this.#kept) {
      if (svid.notAfterMs <= nowMs) this.#kept.delete(path);
    }
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
