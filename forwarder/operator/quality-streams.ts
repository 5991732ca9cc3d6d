// SPDX-License-Identifier: Apache-2.0
/** How good links are as lines of JSON, for each reader: what is so, then what changes. A reader that does not read is cut off. */
import type { Writable } from 'node:stream';
import type { Operator } from './operator.js';

/** It reads so slowly that it is not there. */
const mostWaiting = 2 ** 18;

/** All readers. */
export class QualityStreams {
  readonly #operator: Pick<Operator, 'followLinks'>;
  readonly #open = new Set<() => void>();

  constructor(operator: Pick<Operator, 'followLinks'>) {
    this.#operator = operator;
  }

  /** Write to a reader until one of both ends it. */
  open(out: Writable): void {
    const following = this.#operator.followLinks((news) => {
      if (out.writableLength > mostWaiting) out.destroy();
      else out.write(`${JSON.stringify(news)}\n`);
    });
    const end = (): void => void out.end();
    this.#open.add(end);
    out.on('error', () => out.destroy());
    out.on('close', () => {
      following[Symbol.dispose]();
      this.#open.delete(end);
    });
  }

  /** End every stream, after what is written already. */
  close(): void {
    for (const end of this.#open) end();
  }
}
