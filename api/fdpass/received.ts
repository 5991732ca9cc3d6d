// SPDX-License-Identifier: Apache-2.0
/**
 * The descriptors that came over one connection, by (device, inode) as NSM names them.
 *
 * One stays until 10 seconds after it last came, or a second after it was last
 * taken, so that whoever asks a little later, or twice, finds it; no longer, since a held network
 * namespace is one that cannot end. The first of a file is kept and later ones are closed, as grpcfd does;
 * each `take` gets a duplicate of its own.
 */
import { closeSync, fstatSync } from 'node:fs';
import { status } from '@grpc/grpc-js';
import type { Clock, Timer } from '../chain/clock.js';
import { KernelError } from '../errors/kernel-error.js';
import { WireError } from '../errors/wire-error.js';
import { fdpass } from './addon.js';

/** A file by what the kernel knows it by. */
export interface FileId {
  readonly dev: bigint;
  readonly ino: bigint;
}

/** How long one stays after it last came. */
export const retentionMs = 10_000;
/** How long it stays once it has been taken: time enough for another call that it came for. */
export const takenRetentionMs = 1_000;
/** More than the wires that one peer sets up in that time. */
export const mostHeld = 1_024;

interface Held {
  readonly fd: number;
  readonly untilMs: number;
}

interface Waiter {
  resolve(fd: number): void;
  reject(reason: unknown): void;
}

/** See the head of this file. Disposing it closes what is held and tells all who wait. */
export class ReceivedFiles implements Disposable {
  readonly #clock: Clock;
  /** The one that came last is the last. */
  readonly #held = new Map<string, Held>();
  readonly #waiters = new Map<string, Set<Waiter>>();
  #sweep: Timer | undefined;
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many are held. */
  get size(): number {
    return this.#held.size;
  }

  /** One that has come; it is ours now. */
  add(fd: number): void {
    const key = fileKey(fd);
    const before = this.#held.get(key);
    if (before !== undefined || this.#closed) closeSync(fd);
    if (this.#closed) return;
    const kept = before?.fd ?? fd;
    this.#held.delete(key);
    this.#held.set(key, { fd: kept, untilMs: this.#clock.now() + retentionMs });
    if (this.#held.size > mostHeld) this.#dropOldest();
    this.#sweepLater();
    const waiters = this.#waiters.get(key);
    if (waiters === undefined) return;
    this.#waiters.delete(key);
    this.#shorten(key, kept);
    for (const waiter of waiters) {
      try {
        waiter.resolve(duplicate(kept));
      } catch (reason) {
        waiter.reject(reason);
      }
    }
  }

  /** A descriptor of the caller's own; NOT_FOUND where it does not come before `signal` aborts. */
  take(id: FileId, signal: AbortSignal): Promise<number> {
    const key = keyOf(id);
    const missing = (why: string): WireError =>
      new WireError(status.NOT_FOUND, `inode://${key}: ${why}`);
    return new Promise((resolve, reject) => {
      const held = this.#held.get(key);
      if (held !== undefined) {
        resolve(duplicate(held.fd));
        this.#shorten(key, held.fd);
      } else if (this.#closed) reject(missing(left));
      else if (signal.aborted) reject(missing(late));
      else {
        const waiters = this.#waiters.get(key) ?? new Set();
        this.#waiters.set(key, waiters);
        const onAbort = (): void => {
          waiters.delete(waiter);
          if (waiters.size === 0 && this.#waiters.get(key) === waiters) this.#waiters.delete(key);
          reject(missing(late));
        };
        const waiter: Waiter = {
          resolve(fd) {
            signal.removeEventListener('abort', onAbort);
            resolve(fd);
          },
          reject(reason) {
            signal.removeEventListener('abort', onAbort);
            // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- it is one: what was thrown, passed on
            reject(reason);
          },
        };
        waiters.add(waiter);
        signal.addEventListener('abort', onAbort, { once: true });
      }
    });
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#sweep?.cancel();
    for (const { fd } of this.#held.values()) closeSync(fd);
    this.#held.clear();
    const waiting = [...this.#waiters];
    this.#waiters.clear();
    for (const [key, waiters] of waiting) {
      const reason = new WireError(status.NOT_FOUND, `inode://${key}: ${left}`);
      for (const waiter of waiters) waiter.reject(reason);
    }
  }

  #shorten(key: string, fd: number): void {
    this.#held.set(key, { fd, untilMs: this.#clock.now() + takenRetentionMs });
    this.#sweep?.cancel();
    this.#sweep = undefined;
    this.#sweepLater();
  }

  #dropOldest(): void {
    for (const [key, { fd }] of this.#held) {
      this.#held.delete(key);
      closeSync(fd);
      return;
    }
  }

  #sweepLater(): void {
    if (this.#sweep !== undefined || this.#held.size === 0) return;
    const now = this.#clock.now();
    const nextMs = Math.min(...[...this.#held.values()].map(({ untilMs }) => untilMs));
    this.#sweep = this.#clock.after(nextMs - now, () => {
      this.#sweep = undefined;
      for (const [key, { fd, untilMs }] of this.#held) {
        if (untilMs > this.#clock.now()) continue;
        this.#held.delete(key);
        closeSync(fd);
      }
      this.#sweepLater();
    });
  }
}

const late = 'its descriptor did not come in the time there was';
const left = 'its descriptor did not come before the connection ended';

/** A descriptor more for the same file. */
export function duplicate(fd: number): number {
  try {
    return fdpass().duplicate(fd);
  } catch (reason) {
    throw KernelError.from(`duplicate descriptor ${String(fd)}`, reason);
  }
}

/** What an open file is known by: `DEV/INO`. */
export function fileKey(fd: number): string {
  return keyOf(fstatSync(fd, { bigint: true }));
}

function keyOf({ dev, ino }: FileId): string {
  return `${String(dev)}/${String(ino)}`;
}
