// SPDX-License-Identifier: Apache-2.0
/**
 * Versions of what may be asked, as lines of JSON, for each reader: now, soon after each change, and
 * every five seconds, so that a forwarder that is silent is noticed. A line says what is so and not what
 * happened: many changes are one line, and a reader that is slow gets the last one when it has read.
 * One that reads nothing from one beat to the next is cut off: it asks again, and has lost nothing.
 */
import type { Writable } from 'node:stream';
import { status } from '@grpc/grpc-js';
import type { Clock, Timer } from '../../api/chain/clock.js';
import { WireError } from '../../api/errors/wire-error.js';
import type { ChangeFollowing, Versions } from './changes.js';
import type { Operator } from './operator.js';

/** One line. */
export interface ChangeLine {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly versions: Versions;
}

/** Between two lines where nothing changes, in milliseconds. */
export const beatMs = 5_000;
/** For so long changes are gathered. */
const gatherMs = 50;
const mostReaders = 16;

/** All readers. */
export class ChangeStreams {
  readonly #operator: Pick<Operator, 'followChanges'>;
  readonly #clock: Clock;
  readonly #open = new Set<ChangeStream>();

  constructor(operator: Pick<Operator, 'followChanges'>, clock: Clock) {
    this.#operator = operator;
    this.#clock = clock;
  }

  /** Write to a reader until one of both ends it; `begin` is called once it may follow, else this throws. */
  open(out: Writable, begin: () => void = () => undefined): void {
    if (this.#open.size >= mostReaders) {
      const text = `${String(mostReaders)} readers follow the changes already: want fewer`;
      throw new WireError(status.RESOURCE_EXHAUSTED, text);
    }
    const stream: ChangeStream = new ChangeStream(out, this.#operator, this.#clock, () =>
      this.#open.delete(stream),
    );
    this.#open.add(stream);
    begin();
    stream.start();
  }

  /** End every stream, after what is written already. */
  close(): void {
    for (const stream of this.#open) stream.end();
  }
}

/** One reader. */
class ChangeStream {
  readonly #out: Writable;
  readonly #clock: Clock;
  readonly #following: ChangeFollowing;
  #gathering: Timer | undefined;
  #beat: Timer | undefined;
  /** There is something to tell once it has read what it has. */
  #owes = false;
  #isOver = false;

  constructor(
    out: Writable,
    operator: Pick<Operator, 'followChanges'>,
    clock: Clock,
    over: () => void,
  ) {
    this.#out = out;
    this.#clock = clock;
    this.#following = operator.followChanges(() => this.#soon());
    out.on('error', () => out.destroy());
    out.on('drain', () => {
      if (this.#owes) this.#write();
    });
    out.on('close', () => {
      this.#stop();
      over();
    });
  }

  start(): void {
    if (this.#out.destroyed) return;
    this.#write();
    this.#beat = this.#clock.after(beatMs, () => this.#atBeat());
  }

  end(): void {
    this.#stop();
    this.#out.end();
  }

  #soon(): void {
    this.#gathering ??= this.#clock.after(gatherMs, () => {
      this.#gathering = undefined;
      this.#write();
    });
  }

  #atBeat(): void {
    if (this.#owes) {
      this.#out.destroy();
      return;
    }
    this.#write();
    this.#beat = this.#clock.after(beatMs, () => this.#atBeat());
  }

  #write(): void {
    if (this.#isOver) return;
    this.#owes = this.#out.writableNeedDrain;
    if (this.#owes) return;
    const { versions } = this.#following;
    const line: ChangeLine = { at: this.#clock.now(), versions };
    this.#out.write(`${JSON.stringify(line)}\n`);
  }

  #stop(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#gathering?.cancel();
    this.#beat?.cancel();
    this.#following[Symbol.dispose]();
  }
}
