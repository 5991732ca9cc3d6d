// SPDX-License-Identifier: Apache-2.0
/** Round trips, losses and the MTU of a path, by the system's ping. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text as textOf } from 'node:stream/consumers';
import { LabError } from '../file/mistakes.js';
import type { EndPlan } from '../plan.js';
import { linkLocal } from '../report.js';
import type { Path } from './path.js';

/** Where packets of a path go: to the peer on the line itself, whatever routes there are. */
export interface Target {
  readonly from: EndPlan;
  readonly address: string;
  readonly v6: boolean;
}

/** What came back. */
export interface Pings {
  readonly sent: number;
  readonly received: number;
  /** The middle one; undefined where none came. */
  readonly rttMs: number | undefined;
}

/** The peer's address: the one each IPv6 device has for its own line, or else a configured IPv4 one. */
export async function targetOf({ from, to }: Path): Promise<Target | undefined> {
  const [own, peer] = await Promise.all([linkLocal(from), linkLocal(to)]);
  if (own !== undefined && peer !== undefined) return { from, address: peer, v6: true };
  const [v4] = to.addresses.filter((address) => !address.includes(':'));
  return v4 === undefined ? undefined : { from, address: v4.split('/')[0] ?? '', v6: false };
}

/** Send `count` pings. */
export async function ping(
  { from, address, v6 }: Target,
  count: number,
  intervalMs: number,
  waitMs: number,
  more: readonly string[] = [],
): Promise<Pings> {
  const seconds = (ms: number): string => (ms / 1000).toFixed(3);
  const child = spawn(
    'nsenter',
    [
      ...[`--net=/run/netns/${from.netns}`, '--', 'ping', v6 ? '-6' : '-4', '-n'],
      ...['-I', from.device, '-c', String(count), '-i', seconds(intervalMs)],
      ...['-W', seconds(waitMs), ...more, v6 ? `${address}%${from.device}` : address],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const [said, complaint, [code]] = await Promise.all([
    textOf(child.stdout),
    textOf(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  const [, sent] = /^(\d+) packets transmitted, (\d+) received/m.exec(said) ?? [];
  // 1 is no answer, which is one.
  if (sent === undefined || (code !== 0 && code !== 1)) {
    throw new LabError(`ping ${address} at ${from.link}: ${complaint.trim()}`);
  }
  const times = [...said.matchAll(/time=([\d.]+) ms(?! \(DUP)/g)]
    .map(([, time]) => Number(time))
    .sort((a, b) => a - b);
  return { sent: Number(sent), received: times.length, rttMs: times[times.length >> 1] };
}

const headers = { v4: 28, v6: 48 } as const;

/** Whether packets of that size come through whole; several are tried where some are lost anyway. */
export async function fits(
  target: Target,
  size: number,
  tries: number,
  waitMs: number,
): Promise<boolean> {
  const payload = size - headers[target.v6 ? 'v6' : 'v4'];
  const options = ['-M', 'do', '-s', String(payload)];
  try {
    const { received } = await ping(target, tries, 10, waitMs, options);
    return received > 0;
  } catch (reason) {
    // More than the device's own MTU is refused at once.
    if (reason instanceof LabError) return false;
    throw reason;
  }
}

/** The largest size that comes through, between one that does and one that does not. */
export async function largest(
  fitting: number,
  tooLarge: number,
  tried: (size: number) => Promise<boolean>,
): Promise<number> {
  let [low, high] = [fitting, tooLarge];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (await tried(middle)) low = middle;
    else high = middle;
  }
  return low;
}
