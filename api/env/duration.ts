// SPDX-License-Identifier: Apache-2.0
/** Durations as Go writes them: `10m`, `1h30m`, `200ms`, `1.5s`, `0`. */
import { variable } from './table.js';

const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};
/** Go's Duration is 63 bits of nanoseconds. */
const longestMs = 2 ** 63 / 1e6;
const part = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/y;

/** Milliseconds of a Go duration; a time-out cannot be negative, so neither can it. */
export function parseDuration(text: string): number {
  if (text === '0' || text === '+0') return 0;
  if (text.startsWith('-')) throw new Error('is negative');
  part.lastIndex = text.startsWith('+') ? 1 : 0;
  if (part.lastIndex === text.length) throw new Error('is no duration');
  let ms = 0;
  while (part.lastIndex < text.length) {
    const at = part.lastIndex;
    const found = part.exec(text);
    if (found === null) throw new Error(misread(text.slice(at)));
    ms += Number(found[1]) * (unitMs[found[2] ?? ''] ?? NaN);
  }
  if (ms >= longestMs) throw new Error('is longer than Go can count (292 years)');
  return ms;
}

function misread(rest: string): string {
  const number = /^[\d.]+/.exec(rest)?.[0];
  if (number === undefined) return `is no duration at ${JSON.stringify(rest)}`;
  return `has no unit known to Go after ${number}`;
}

/** A time span, read into milliseconds. */
export const duration = variable('a duration such as 5s, 200ms, 1h30m', parseDuration);
