// SPDX-License-Identifier: Apache-2.0
/** Labs for tests: each with a name of its own, taken down with the test, looked into with the system's tools. */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { promisify } from 'node:util';
import type { Test } from 'tap';
import { defaultLab } from '../../lab/default.js';
import { Lab } from '../../lab/lab.js';
import type { LabFile } from '../../lab/types.js';

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

/** What ping found, from a site's node: how many came back, and their middle round trip. */
export async function pings(
  lab: Lab,
  from: string,
  to: string,
  { count = 10, intervalMs = 10, more = [] as readonly string[] } = {},
): Promise<{ readonly received: number; readonly rttMs: number }> {
  const args = ['-n', '-c', String(count), '-i', String(intervalMs / 1000), '-W', '1', ...more, to];
  const said = await lab
    .place(from)
    .exec('ping', ...args)
    .catch((reason: unknown) => (reason as { stdout: string }).stdout);
  const times = [...said.matchAll(/time=([\d.]+) ms/g)]
    .map(([, ms]) => Number(ms))
    .sort((a, b) => a - b);
  return { received: times.length, rttMs: times[times.length >> 1] ?? Infinity };
}

/** A device as the kernel has it. */
export async function device(lab: Lab, site: string, name: string) {
  const text = await lab.place(site).exec('ip', '-json', 'address', 'show', 'dev', name);
  const [shown] = JSON.parse(text) as {
    ifindex: number;
    mtu: number;
    flags: string[];
    address: string;
    addr_info: { local: string }[];
  }[];
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
