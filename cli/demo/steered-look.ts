// SPDX-License-Identifier: Apache-2.0
/** What the acts of the demo of two links have in common: a change under pings, and a look at the links after it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { gauge, type Gauged } from './gauge.js';
import type { Dialer } from './identity.js';
import type { Screen } from './screen.js';
import { server, type Sites } from './sites.js';
import type { Load } from './sums.js';
import { ef, pings } from './traffic.js';
import { bar, megabytes, rate } from './words.js';

/** What each transfer sends, in Mbit/s: different, so that the links' counters tell which is where. */
export const mbps = { voice: 4, backup: 40 };

/** What the acts work with. */
export interface Stage {
  readonly sites: Sites;
  readonly screen: Screen;
  /** Gives a channel to a manager. */
  readonly dialer: Dialer;
  readonly signal: AbortSignal;
}

/**
 * Ping, marked and not, make the change a little later, and look at the links once it is made.
 * What is in a link while it dies nobody can save: then a ping `mayLose`.
 */
export async function during(
  { sites, signal }: Stage,
  load: Load,
  count: number,
  change: () => Promise<void>,
  mayLose = false,
): Promise<readonly Gauged[]> {
  const ping = (tos: number) => pings(sites.pod, server, count, tos, signal);
  const [marked, plain, seen] = await Promise.race([
    Promise.all([
      ping(ef),
      ping(0),
      sleep(300)
        .then(change)
        .then(() => gauge(sites.lab, 1_000)),
    ]),
    load.voice.broken,
    load.backup.broken,
  ]);
  load.pings.push({ mayLose, marked, plain });
  return seen;
}

/** A table of the links; rejects where one does not carry what it should, or something else. */
export function show(screen: Screen, seen: readonly Gauged[], wanted: readonly string[]): void {
  const most = Math.max(...seen.map(({ bitsPerSecond }) => bitsPerSecond));
  const rows = seen.map(({ name, device, bytes, bitsPerSecond }, at) => [
    name,
    device,
    megabytes(bytes),
    rate(bitsPerSecond),
    wanted[at] || '-',
    bar(bitsPerSecond / most, 24),
  ]);
  screen.table(['link', 'device', 'sent', 'rate', 'carries', ''], rows);
  for (const [at, one] of seen.entries()) {
    const who = wanted[at] ?? '';
    const isRight =
      carries(one, mbps.backup) === who.includes('backup') &&
      one.bitsPerSecond > (mbps.voice * 1e6) / 2 === (who !== '');
    if (!isRight) throw new Error(`${one.name} carries ${rate(one.bitsPerSecond)}, not ${who}`);
  }
}

/** Whether about so much is on the link. */
export function carries(seen: Gauged | undefined, wantedMbps: number): boolean {
  return (seen?.bitsPerSecond ?? 0) > (wantedMbps * 1e6) / 2;
}

/** Wait until it is so. */
export async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const endMs = Date.now() + 20_000;
  while (!(await isSo())) {
    if (Date.now() > endMs) throw new Error(`waited 20 s for ${what}`);
  }
}
