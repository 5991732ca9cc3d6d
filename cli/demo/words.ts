// SPDX-License-Identifier: Apache-2.0
/** Figures as the demo prints them. */

/** What must be there; throws what it is that is not. */
export function must<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`${what} is not there`);
  return value;
}

/** `1.24 ms`. */
export function milliseconds(ms: number | undefined): string {
  return ms === undefined || Number.isNaN(ms) ? '-' : `${ms.toFixed(2)} ms`;
}

/** `41.3 MB`. */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** `40.1 Mbit/s`. */
export function rate(bitsPerSecond: number): string {
  return `${(bitsPerSecond / 1e6).toFixed(1)} Mbit/s`;
}

/** A bar of at most `width` characters. */
export function bar(part: number, width: number): string {
  const length = Math.round(Math.min(Math.max(part, 0), 1) * width);
  return '▇'.repeat(part > 0.002 ? Math.max(length, 1) : length);
}
