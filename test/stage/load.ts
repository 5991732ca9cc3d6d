// SPDX-License-Identifier: Apache-2.0
/** Loads on a wire that end by themselves, and what became of them. */
import { createInterface } from 'node:readline';
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

/** What is late is not lost. */
const lateMs = 500;

/**
 * Echo requests from a place, one after the other, whether answered or not; resolves when the last one's
 * time is over. It goes on after them until all are answered, half a second at most: ping itself awaits
 * the last one for hardly longer than the others took.
 */
export async function pings(place: Place, to: string, options: PingOptions): Promise<Pinged> {
  const { count, intervalMs = 10, tos = 0, bytes = 56 } = options;
  const most = count + Math.ceil(lateMs / intervalMs);
  const args = ['-n', '-i', String(intervalMs / 1000), '-c', String(most), '-W', '2'];
  const by = options.device === undefined ? [] : ['-I', options.device];
  const more = ['-Q', String(tos), '-s', String(bytes), ...by];
  const child = place.spawn('ping', [...args, ...more, to], { stdio: ['ignore', 'pipe', 'pipe'] });
  if (child.stdout === null || child.stderr === null) throw new Error('no pipe');
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
  const answered = new Set<number>();
  let transmitted: number | undefined;
  for await (const line of createInterface({ input: child.stdout })) {
    const number = Number(/icmp_seq=(\d+) ttl=/.exec(line)?.[1] ?? NaN);
    if (number <= count) answered.add(number);
    if (number <= count && answered.size === count) child.kill('SIGINT');
    const sum = /^(\d+) packets transmitted/.exec(line)?.[1];
    if (sum !== undefined) transmitted = Number(sum);
  }
  if (transmitted === undefined) throw new Error(`ping ${to}: ${complaint}`);
  return { sent: Math.min(transmitted, count), received: answered.size };
}
