// SPDX-License-Identifier: Apache-2.0
/**
 * Session events as lines of JSON, for each reader by itself: first the sessions
 * that are there, then what happens. A reader that is too slow is cut off: its
 * last line says how many events it has missed, and it may begin anew.
 */
import type { Writable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../api/chain/clock.js';
import type { Following, Operator } from './operator.js';
import type { SessionEvent } from './session-event.js';

/** What {@link EventStreams} works with. */
export interface EventStreamsOptions {
  readonly operator: Pick<Operator, 'followSessions'>;
  readonly clock: Clock;
  /** How many characters may wait for one reader. */
  readonly mostWaiting?: number;
  /** How long a reader may take for what waits, in milliseconds, where we wait for it. */
  readonly patienceMs?: number;
}

/** How a stream ended: the reader left, it was too slow, or we stopped. */
export type StreamEnd = 'left' | 'slow' | 'stopped';

const usualMostWaiting = 4 * 2 ** 20;
const usualPatienceMs = 10_000;
/** Sessions that are put into words at a time. */
const part = 256;

/** All readers. */
export class EventStreams {
  readonly #options: Required<EventStreamsOptions>;
  readonly #open = new Set<EventStream>();

  constructor(options: EventStreamsOptions) {
    const usual = { mostWaiting: usualMostWaiting, patienceMs: usualPatienceMs };
    this.#options = { ...usual, ...options };
  }

  /** Write to a reader until one of both ends it; `begin` is called once it may follow, else this throws. */
  open(out: Writable, begin: () => void = () => undefined): Promise<StreamEnd> {
    const stream = new EventStream(out, this.#options);
    this.#open.add(stream);
    begin();
    return stream.run().finally(() => this.#open.delete(stream));
  }

  /** End every stream, after what is written already. */
  close(): void {
    for (const stream of this.#open) stream.stop('stopped');
  }
}

/** One reader. */
class EventStream {
  readonly #out: Writable;
  readonly #options: Required<EventStreamsOptions>;
  readonly #following: Following;
  readonly #ended: Promise<StreamEnd>;
  #end: ((how: StreamEnd) => void) | undefined;
  #how: StreamEnd | undefined;
  /** What happened while the present sessions are written. */
  #waiting: string[] | undefined = [];
  #waitingLength = 0;
  #waitingCount = 0;
  /** Events that came too fast for it. */
  #missed = 0;

  constructor(out: Writable, options: Required<EventStreamsOptions>) {
    this.#out = out;
    this.#options = options;
    this.#ended = new Promise((resolve) => (this.#end = resolve));
    this.#following = options.operator.followSessions((events) => this.#take(events));
    out.on('error', () => this.stop('left'));
    out.on('close', () => this.stop('left'));
  }

  async run(): Promise<StreamEnd> {
    try {
      await this.#writePresent();
      this.#writeWaiting();
      const how = await this.#ended;
      if (how === 'slow') await this.#tellMissed();
      if (how !== 'left') this.#out.end();
      return how;
    } finally {
      this.#following[Symbol.dispose]();
    }
  }

  /** Only the first time means anything. */
  stop(how: StreamEnd): void {
    this.#how ??= how;
    this.#end?.(this.#how);
  }

  /** In parts, as fast as they are read. */
  async #writePresent(): Promise<void> {
    let some: SessionEvent[] = [];
    const write = async (): Promise<void> => {
      const more = this.#out.write(linesOf(some));
      some = [];
      // Others have their turn, too.
      await setImmediate();
      if (more || this.#how !== undefined || (await this.#drained())) return;
      this.stop('slow');
      this.#out.destroy();
    };
    for (const event of this.#following.present) {
      if (some.push(event) === part) await write();
      if (this.#how !== undefined) return;
    }
    if (some.length > 0) await write();
  }

  #writeWaiting(): void {
    const [all, count] = [this.#waiting ?? [], this.#waitingCount];
    this.#waiting = undefined;
    this.#waitingLength = 0;
    if (this.#how === 'slow') this.#missed += count;
    else if (this.#how !== 'left') for (const text of all) this.#out.write(text);
  }

  #take(events: readonly SessionEvent[]): void {
    if (this.#how === 'slow') this.#missed += countOf(events);
    if (this.#how !== undefined) return;
    const text = linesOf(events);
    const length = this.#out.writableLength + this.#waitingLength + text.length;
    if (length > this.#options.mostWaiting) {
      this.#missed += countOf(events);
      this.stop('slow');
    } else if (this.#waiting === undefined) {
      this.#out.write(text);
    } else {
      this.#waiting.push(text);
      this.#waitingLength += text.length;
      this.#waitingCount += countOf(events);
    }
  }

  /** The last line, once it has read what is before it; one that does not is hung up on. */
  async #tellMissed(): Promise<void> {
    const at = this.#options.clock.now();
    if (!(await this.#drained())) this.#out.destroy();
    else this.#out.write(linesOf([{ at, kind: 'lost', count: this.#missed }]));
  }

  /** Whether all that was written is read in time. */
  async #drained(): Promise<boolean> {
    const out = this.#out;
    if (out.destroyed) return false;
    if (!out.writableNeedDrain) return true;
    return new Promise((resolve) => {
      const settle = (drained: boolean): void => {
        timer.cancel();
        out.off('drain', onDrain).off('close', onClose);
        resolve(drained);
      };
      const onDrain = (): void => settle(true);
      const onClose = (): void => settle(false);
      const { clock, patienceMs } = this.#options;
      const timer = clock.after(patienceMs, () => settle(false));
      out.on('drain', onDrain).on('close', onClose);
    });
  }
}

function linesOf(events: readonly SessionEvent[]): string {
  return events.map((event) => `${JSON.stringify(event)}\n`).join('');
}

function countOf(events: readonly SessionEvent[]): number {
  return events.reduce((sum, event) => sum + (event.kind === 'lost' ? event.count : 1), 0);
}
