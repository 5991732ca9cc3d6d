// SPDX-License-Identifier: Apache-2.0
/** What the edge's forwarder has decided of the link that is in trouble: waited for, and told in its words. */
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { askOperator } from '../../operator-client.js';
import type { Sites } from '../sites.js';

/** A decision of the forwarder's. */
export interface Verdict {
  /** Since it was waited for. */
  readonly tookMs: number;
  readonly state: string;
  /** In words, with figures. */
  readonly why: string;
}

const quality = z.object({
  strands: z.array(z.object({ link: z.string(), state: z.string(), why: z.string() })),
});

const patienceMs = 20_000;
const lookMs = 50;

/** Resolves when all strands of the edge's link are in one of `states`; rejects where they are not in time. */
export async function verdictOf(
  sites: Sites,
  link: string,
  states: readonly string[],
  signal: AbortSignal,
): Promise<Verdict> {
  const node = { name: 'edge', socket: sites.operatorSocket('edge') };
  const start = performance.now();
  for (;;) {
    const answer = await askOperator(node, { method: 'GET', path: '/quality' }, quality);
    const own = answer.strands.filter((strand) => strand.link === link);
    const tookMs = performance.now() - start;
    const [first] = own;
    if (first !== undefined && own.every(({ state }) => states.includes(state)))
      return { tookMs, state: first.state, why: first.why };
    if (tookMs > patienceMs) {
      const now = own.map(({ state, why }) => `${state} (${why})`).join(', ');
      throw new Error(`${link} is not ${states.join(' or ')} after 20 s: it is ${now}`);
    }
    await sleep(lookMs, undefined, { signal });
  }
}
