// SPDX-License-Identifier: Apache-2.0
/** Many wires: asked for all at once, held, closed; and Requests while others are closed. */
import type { Connection } from '../../api/gen/connection.js';
import { setTimeout as sleep } from 'node:timers/promises';
import { ask, timed, type Side } from './side.js';
import { quantile } from './report.js';

/** Wires that stand, and how they came about. */
export interface Crowd {
  readonly wires: readonly Connection[];
  /** Answered Requests a second. */
  readonly rate: number;
  readonly failed: number;
}

/** Ask for `count` wires, all in flight at once. */
export async function gather(side: Side, count: number): Promise<Crowd> {
  const start = performance.now();
  const asked = await Promise.allSettled(
    Array.from({ length: count }, (_, n) => ask(side, `c${String(n)}`)),
  );
  const seconds = (performance.now() - start) / 1000;
  const wires = asked.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  return { wires, rate: wires.length / seconds, failed: count - wires.length };
}

/** Close all of them at once. */
export async function scatter(side: Side, wires: readonly Connection[]): Promise<void> {
  await Promise.all(wires.map((wire) => side.caller.close(wire, 120_000)));
}

/** The p99 of Requests, one after the other for `seconds`, while ten other wires a second are closed. */
export async function churn(side: Side, seconds: number): Promise<number> {
  const doomed = Array.from({ length: seconds * 10 }, (_, n) => ask(side, `d${String(n)}`));
  const wires = await Promise.all(doomed);
  const closing: Promise<void>[] = [];
  const held: Connection[] = [];
  const times: number[] = [];
  const end = performance.now() + seconds * 1000;
  const closer = (async () => {
    for (const wire of wires) {
      closing.push(side.caller.close(wire));
      await sleep(100);
    }
  })();
  while (performance.now() < end) {
    times.push(
      await timed(async () => {
        held.push(await ask(side, `k${String(held.length)}`));
      }),
    );
    await sleep(10);
  }
  await closer;
  await Promise.all(closing);
  await scatter(side, held);
  return quantile(times, 0.99);
}
