// SPDX-License-Identifier: Apache-2.0
/**
 * Reads a pinned ring buffer as the kernel says that there is something in it: a
 * part at a time, with a rest in between, in which many records cost one wake-up.
 *
 * One process at a time reads it. It begins at rest: what is not read stays in
 * the buffer, also for the next process.
 */
import type { Clock, Timer } from '../../api/chain/clock.js';
import { addon, type RingHandle } from './addon.js';
import { trying } from './refused.js';

/** What {@link RingBuffer.open} takes. */
export interface RingOptions {
  /** Of each record, in bytes; others are passed over. */
  readonly recordSize: number;
  /** Some records, side by side, in order. `full`: there may be more at once. */
  readonly onRecords: (records: Buffer, full: boolean) => void;
  readonly clock: Clock;
  /** How many are read at a time. */
  readonly most?: number;
  /** How long it rests where all has been read, in milliseconds. */
  readonly restMs?: number;
}

const usualMost = 1024;
const usualRestMs = 20;

/** See the head of this file. It does not keep the process alive. */
export class RingBuffer implements Disposable {
  readonly #handle: RingHandle;
  readonly #options: RingOptions;
  #reading = false;
  #closed = false;
  #resting: Timer | undefined;

  private constructor(pin: string, options: RingOptions) {
    const { recordSize, most = usualMost } = options;
    this.#options = options;
    this.#handle = trying(`open ring buffer ${pin}`, () =>
      addon.openRing(pin, recordSize, most, (records, full) => {
        this.#take(records, full);
      }),
    );
  }

  /** Open a pinned one; nothing is read before {@link read}. */
  static open(pin: string, options: RingOptions): RingBuffer {
    return new RingBuffer(pin, options);
  }

  /** Read from now on. */
  read(): void {
    if (this.#closed || this.#reading) return;
    this.#reading = true;
    addon.readRing(this.#handle);
  }

  /** Let it be, until {@link read}. */
  rest(): void {
    this.#reading = false;
    this.#resting?.cancel();
    if (!this.#closed) addon.restRing(this.#handle);
  }

  /** Close; what has not been read stays. Twice does nothing. */
  [Symbol.dispose](): void {
    this.rest();
    this.#closed = true;
    addon.closeRing(this.#handle);
  }

  #take(records: Buffer, full: boolean): void {
    const { clock, onRecords, restMs = usualRestMs } = this.#options;
    this.#resting = clock.after(full ? 0 : restMs, () => {
      if (this.#reading) addon.readRing(this.#handle);
    });
    onRecords(records, full);
  }
}
