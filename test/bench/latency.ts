// SPDX-License-Identifier: Apache-2.0
/** One Request at a time: how long it takes, how long a refresh takes. */
import type { Connection } from '../../api/gen/connection.js';
import { ask, timed, type Side } from './side.js';
import { quantile } from './report.js';

/** Milliseconds. */
export interface Latency {
  readonly p50: number;
  readonly p99: number;
  readonly refreshP50: number;
}

/** Ask, refresh three times, close, `count` times over; the closing is not measured. */
export async function latency(side: Side, count: number): Promise<Latency> {
  const requests: number[] = [];
  const refreshes: number[] = [];
  for (let n = 0; n < count; n++) {
    let wire: Connection | undefined;
    requests.push(
      await timed(async () => {
        wire = await ask(side, 'seq');
      }),
    );
    if (wire === undefined) throw new Error('no wire');
    for (let again = 0; again < 3; again++) {
      const current: Connection = wire;
      refreshes.push(
        await timed(async () => {
          wire = await side.caller.refresh(current);
        }),
      );
    }
    await side.caller.close(wire);
  }
  return {
    p50: quantile(requests, 0.5),
    p99: quantile(requests, 0.99),
    refreshP50: quantile(refreshes, 0.5),
  };
}
