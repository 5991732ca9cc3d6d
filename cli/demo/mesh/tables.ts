// SPDX-License-Identifier: Apache-2.0
/** The tables of the demo: a user's requests by link, and how long they took. */
import type { Screen } from '../screen.js';
import { links } from '../sites.js';
import { bar } from '../words.js';
import type { Tally } from './tally.js';

/** A phase as a table: which link carried whose requests. */
export function showTally(screen: Screen, tallies: readonly Tally[]): void {
  const slowest = Math.max(...tallies.map(({ p50Ms }) => p50Ms));
  const rows = tallies.map((one) => {
    const carried = links.map(({ name }) => one.links[name] ?? 0);
    return [
      one.user,
      String(one.requests),
      ...carried.map(String),
      milliseconds(one.p50Ms),
      milliseconds(one.p99Ms),
      milliseconds(one.longestMs),
      String(one.failed),
      String(one.wrong),
      bar(one.p50Ms / slowest, 16),
    ];
  });
  screen.table(head, rows);
}

const head = [
  ...['user', 'requests', ...links.map(({ name }) => name)],
  ...['p50', 'p99', 'longest', 'failed', 'wrong link', ''],
];

/** `20.4 ms`. */
export function milliseconds(ms: number): string {
  return Number.isNaN(ms) ? '-' : `${ms.toFixed(ms < 100 ? 1 : 0)} ms`;
}

/** All of them together. */
export function sum(
  tallies: readonly Tally[],
  of: 'requests' | 'failed' | 'wrong' | 'unseen',
): number {
  return tallies.reduce((all, one) => all + one[of], 0);
}

/** Rejects what a phase in which nothing fails and nobody strays must not have. */
export function judge(phase: string, tallies: readonly Tally[]): void {
  for (const { user, requests, failed, errors, wrong, unseen } of tallies) {
    if (requests === 0) throw new Error(`${user} has sent nothing (${phase})`);
    if (failed > 0) {
      throw new Error(`${String(failed)} requests of ${user} failed (${phase}): ${errors.join()}`);
    }
    if (wrong > 0) throw new Error(`${String(wrong)} of ${user} on the wrong link (${phase})`);
    if (unseen > 0) throw new Error(`${String(unseen)} of ${user} on no link (${phase})`);
  }
}
