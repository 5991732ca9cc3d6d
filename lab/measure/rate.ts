// SPDX-License-Identifier: Apache-2.0
/** What a path carries one way, by the C program `gauge`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text as textOf } from 'node:stream/consumers';
import { built } from '../built.js';
import { LabError } from '../file/mistakes.js';
import type { EndPlan } from '../plan.js';

/** What is sent, and where. */
export interface Load {
  readonly from: EndPlan;
  readonly to: EndPlan;
  /** Of `to`. */
  readonly address: string;
  /** The limit that is looked for, in bits a second of whole frames; 0 where there is none. */
  readonly limit: number;
  readonly mtu: number;
  /** On the way, 0 to below 100. */
  readonly lossPercent: number;
  /** How late the last packet may come. */
  readonly lateMs: number;
}

const port = 9;
const ethernetHeader = 14;

/** Bits a second of whole frames that arrived. Below its limit a link is not looked at. */
export async function rateOf(load: Load): Promise<number> {
  const { from, to, address, limit, mtu, lossPercent, lateMs } = load;
  const kind = limit === 0 ? 'tcp' : 'udp';
  const header = (address.includes(':') ? 40 : 20) + 8;
  // A slow line gets small packets, or there would be too few to count.
  const size = Math.max(Math.min(mtu - header, 1400, Math.max(limit / 8 / 50, 100)), 18) | 0;
  const frame = (size + header + ethernetHeader) / size;
  const lasts = limit === 0 ? 300 : limit < 1e6 ? 2000 : 500;
  const sent = (limit / frame) * (1.3 / (1 - lossPercent / 100));
  const window = lasts + lateMs + 300;
  const run = (end: EndPlan, args: readonly (string | number)[]) =>
    spawn(
      'nsenter',
      [`--net=/run/netns/${end.netns}`, '--', built('#gauge'), ...args.map(String)],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
  const receiver = run(to, ['receive', kind, to.device, port, window]);
  const complaint = textOf(receiver.stderr);
  const lines = createInterface({ input: receiver.stdout })[Symbol.asyncIterator]();
  const ready = await lines.next();
  if (ready.done === true) throw new LabError(`gauge at ${to.link}: ${await complaint}`);
  const sender = run(from, [
    ...['send', kind, from.device, address, port],
    ...[size, Math.max(Math.round(sent), 1), lasts],
  ]);
  const [failure, [code]] = await Promise.all([
    textOf(sender.stderr),
    once(sender, 'close') as Promise<[number | null]>,
  ]);
  const counted = await lines.next();
  if (code !== 0) throw new LabError(`gauge at ${from.link}: ${failure.trim()}`);
  const { bytes, ns } = JSON.parse(counted.done === true ? '{}' : counted.value) as {
    bytes: number;
    ns: number;
  };
  return ns === 0 ? 0 : (bytes * 8 * 1e9 * (kind === 'udp' ? frame : 1)) / ns;
}
