// SPDX-License-Identifier: Apache-2.0
/** Who reads lines of JSON, as slowly as a test wants. */
import { Writable } from 'node:stream';

/** How it reads; everything may be left out. */
export interface LineReaderOptions {
  /** From the start; nothing until `take` where not given. */
  readonly taking?: boolean;
  /** Bytes that wait before its writer is told to; 1,024 where not given. */
  readonly highWaterMark?: number;
}

/** See the head of this file. */
export class LineReader<Line> extends Writable {
  text = '';
  #next: (() => void) | undefined;
  #taking: boolean;

  constructor({ taking = false, highWaterMark = 1_024 }: LineReaderOptions = {}) {
    super({ highWaterMark, decodeStrings: false });
    this.#taking = taking;
  }

  override _write(part: string, _encoding: string, done: () => void): void {
    this.text += part;
    if (this.#taking) done();
    else this.#next = done;
  }

  /** Read on. */
  take(): void {
    this.#taking = true;
    this.#next?.();
  }

  /** Those that are whole. */
  get lines(): Line[] {
    const lines = this.text.split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as Line);
  }
}
