// SPDX-License-Identifier: Apache-2.0
/** Loads on a wire that end by themselves, and what became of them. */
import type { Place } from '../../lab/place.js';

/** What came back of a row of pings. */
export interface Pinged {
  readonly sent: number;
  readonly received: number;
}

/** How a row of pings is sent. */
export interface PingOptions {
  readonly count: number;
  /** Between two of them. */
  readonly intervalMs?: number;
  /** The whole TOS byte: 184 is DSCP EF. */
  readonly tos?: number;
  /** Of data. */
  readonly bytes?: number;
  /** Whose socket is bound to it. */
  readonly device?: string;
}

/** Echo requests from a place, one after the other, whether answered or not; resolves when the last one's time is over. */
export async function pings(place: Place, to: string, options: PingOptions): Promise<Pinged> {
  const { count, intervalMs = 10, tos = 0, bytes = 56 } = options;
  const args = ['-n', '-q', '-i', String(intervalMs / 1000), '-c', String(count), '-W', '2'];
  const by = options.device === undefined ? [] : ['-I', options.device];
  const more = ['-Q', String(tos), '-s', String(bytes), ...by];
  // It says 1 when not all came back.
  const said = await place.exec('ping', ...args, ...more, to).catch((reason: unknown) => {
    const { stdout = '', stderr = '' } = reason as { stdout?: string; stderr?: string };
    return stdout + stderr;
  });
  const counts = /(\d+) packets transmitted, (\d+) received/.exec(said);
  if (counts === null) throw new Error(`ping ${to}: ${said}`);
  return { sent: Number(counts[1]), received: Number(counts[2]) };
}
