// SPDX-License-Identifier: Apache-2.0
/** Labs for tests: each with a name of its own, taken down with the test, looked into with the system's tools. */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import type { Test } from 'tap';
import { defaultLab } from '../../lab/default.js';
import { Lab } from '../../lab/lab.js';
import type { LabFile } from '../../lab/types.js';
import { until } from '../stage/up.js';

const run = promisify(execFile);

/** A name that no other lab has. */
export function newName(): string {
  return `t${randomUUID().slice(0, 8)}`;
}

/** A lab of a test's own. */
export async function labOf(t: Test, file: LabFile = defaultLab()): Promise<Lab> {
  const name = newName();
  t.teardown(() => Lab.down(name));
  return Lab.up(file, { name });
}

/** What there is of a lab on this machine; nothing is what is to be left of it. */
export async function tracesOf(name: string): Promise<string[]> {
  const { stdout } = await run('ps', ['-eo', 'args']);
  return [
    ...readdirSync('/run/netns').filter((netns) => new RegExp(`^ww-${name}[-.]`).test(netns)),
    ...(existsSync(`/run/wanwire/lab/${name}`) ? ['folder'] : []),
    ...stdout.split('\n').filter((line) => line.includes(`/lab/${name}/`)),
  ];
}

/**
 * What ping found, from a site's node: how many of so many came back, and their middle round trip. It goes on after
 * them for at most a second, until all are there: the last one ping itself awaits for hardly longer than the others
 * took, and a relay may have to wait for a processor.
 */
export async function pings(
  lab: Lab,
  from: string,
  to: string,
  { count = 10, intervalMs = 10, more = [] as readonly string[] } = {},
): Promise<{ readonly received: number; readonly rttMs: number }> {
  const most = count + Math.ceil(1_000 / intervalMs);
  const args = ['-n', '-c', String(most), '-i', String(intervalMs / 1000), '-W', '0.1'];
  const child = lab
    .place(from)
    .spawn('ping', [...args, ...more, to], { stdio: ['ignore', 'pipe', 'ignore'] });
  if (child.stdout === null) throw new Error('no pipe');
  const times = new Map<number, number>();
  for await (const line of createInterface({ input: child.stdout })) {
    const [, number, ms] = /icmp_seq=(\d+) .*time=([\d.]+) ms/.exec(line) ?? [];
    if (number === undefined || Number(number) > count) continue;
    times.set(Number(number), Number(ms));
    if (times.size === count) child.kill('SIGINT');
  }
  const sorted = [...times.values()].sort((a, b) => a - b);
  return { received: sorted.length, rttMs: sorted[sorted.length >> 1] ?? Infinity };
}

/**
 * Tell both ends of each cable the other's address for ever: whoever asks for it on a way that is dead
 * asks again only each second, and the way may be whole long before.
 */
export async function acquaint(lab: Lab): Promise<void> {
  const { links } = await lab.status();
  for (const { link, to } of links) {
    const [[site = '', name = ''], [far = '', farName = '']] = [link.split('/'), to.split('/')];
    const { address, addr_info: all } = await device(lab, far, farName);
    for (const { local } of all) {
      const known = [local, 'lladdr', address, 'dev', name, 'nud', 'permanent'];
      await lab.place(site).exec('ip', 'neighbour', 'replace', ...known);
    }
  }
}

interface Device {
  readonly ifindex: number;
  readonly mtu: number;
  readonly flags: string[];
  readonly address: string;
  readonly addr_info: { readonly local: string; readonly tentative?: boolean }[];
}

/** A device as the kernel has it, once it has made up its mind about its addresses. */
export async function device(lab: Lab, site: string, name: string) {
  let shown: Device | undefined;
  await until(`${name} at ${site}`, async () => {
    const text = await lab.place(site).exec('ip', '-json', 'address', 'show', 'dev', name);
    [shown] = JSON.parse(text) as Device[];
    return shown?.addr_info.every(({ tentative }) => tentative !== true) === true;
  });
  if (shown === undefined) throw new Error(`no ${name} at ${site}`);
  return { ...shown, addresses: shown.addr_info.map(({ local }) => local).sort() };
}

/** Sites of one link each, at one network. */
export function star(sites: readonly string[]): LabFile {
  return {
    ...defaultLab(),
    spec: {
      sites: sites.map((name, at) => ({
        name,
        links: [
          {
            name: 'wan0',
            network: 'internet',
            addresses: [`192.0.2.${String(at + 1)}/24`, `2001:db8::${String(at + 1)}/64`],
          },
        ],
      })),
    },
  };
}
