// SPDX-License-Identifier: Apache-2.0
/** One session that goes on until a test ends it: nobody has to know how long something takes. */
import { once } from 'node:events';
import type { Place } from '../../lab/place.js';
import type { Pinged } from '../stage/load.js';

/** A row of pings without an end. */
export interface EndlessPing {
  /** End it; once more does nothing. What came back; the last ones may be under way. */
  end(): Promise<Pinged>;
}

/** Start it; the caller ends it. `tos` is the whole byte: 184 is DSCP EF. */
export function endlessPing(
  from: Place,
  to: string,
  { intervalMs = 10, tos = 0 } = {},
): EndlessPing {
  const args = ['-n', '-q', '-i', String(intervalMs / 1000), '-Q', String(tos), to];
  const child = from.spawn('ping', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout?.on('data', (part: Buffer) => (said += part.toString()));
  const ended = once(child, 'close');
  return {
    async end() {
      child.kill('SIGINT');
      await ended;
      const counts = /(\d+) packets transmitted, (\d+) received/.exec(said);
      return { sent: Number(counts?.[1]), received: Number(counts?.[2]) };
    },
  };
}
