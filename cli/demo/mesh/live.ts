// SPDX-License-Identifier: Apache-2.0
/** One line on a terminal that shows what is going on: each user's requests of the last second by link. */
import type { Answered } from '../../../lab/http/types.js';
import { links } from '../sites.js';
import type { Sights } from './tally.js';
import { milliseconds } from './tables.js';
import { nowMs, users } from './timeline.js';

const everyMs = 500;
const ofLastMs = 1_500;
/** What the witness has not told yet. */
const notYetMs = 300;

/** Where it may be drawn. */
export type Terminal = NodeJS.WritableStream & { isTTY?: boolean };

/** Shows nothing where there is no terminal. Disposing it takes the line away. */
export class Live implements Disposable {
  readonly #out: Terminal | undefined;
  readonly #timer: NodeJS.Timeout | undefined;

  constructor(out: Terminal | undefined, answered: readonly Answered[], sights: Sights) {
    this.#out = out;
    if (out?.isTTY !== true) return;
    const show = (): void => {
      out.write(`\r\u001b[2K  ${lineOf(answered, sights)}`);
    };
    this.#timer = setInterval(show, everyMs);
  }

  [Symbol.dispose](): void {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#out?.write('\r\u001b[2K');
  }
}

function lineOf(answered: readonly Answered[], sights: Sights): string {
  const now = nowMs();
  const ended = ({ atMs, tookMs }: Answered): number => atMs + tookMs;
  const from = answered.findLastIndex((one) => ended(one) < now - ofLastMs - notYetMs);
  const recent = answered.slice(from + 1).filter((one) => ended(one) < now - notYetMs);
  const parts = users.map((user) => {
    const own = recent.filter((one) => one.user === user);
    const times = own.map(({ tookMs }) => tookMs).sort((a, b) => a - b);
    const on = links
      .map(({ name }) => ({
        name,
        count: own.filter((o) => sights[name]?.(user, o.number)).length,
      }))
      .filter(({ count }) => count > 0);
    const where = on.length === 0 ? '-' : on.map(({ name }) => name).join('+');
    return `${user} ${where} ${milliseconds(times[times.length >> 1] ?? NaN)}`.padEnd(24);
  });
  return parts.join(' ');
}
