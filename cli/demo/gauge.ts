// SPDX-License-Identifier: Apache-2.0
/** What leaves the edge on each of its links, by the kernel's counters at the links' devices. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from '../../lab/lab.js';
import { links } from './sites.js';

/** What left on one link while somebody looked. */
export interface Gauged {
  readonly name: string;
  readonly device: string;
  readonly bytes: number;
  readonly bitsPerSecond: number;
}

/** Look for so long. */
export async function gauge(lab: Lab, forMs: number): Promise<readonly Gauged[]> {
  const before = await sight(lab);
  await sleep(forMs);
  const after = await sight(lab);
  return links.map(({ name, device }, at) => {
    const [one, other] = [before[at], after[at]];
    if (one === undefined || other === undefined) throw new Error(`no counters of ${name}`);
    const seconds = (other.atMs - one.atMs) / 1000;
    const bytes = other.txBytes - one.txBytes;
    return { name, device, bytes, bitsPerSecond: (bytes * 8) / seconds };
  });
}

function sight(lab: Lab) {
  return Promise.all(
    links.map(async ({ device }) => {
      const counters = await lab.counters(`edge/${device}`);
      return { ...counters, atMs: performance.now() };
    }),
  );
}
