// SPDX-License-Identifier: Apache-2.0
/** Throwaway namespaces, made and looked into with iproute2: never with the code under test. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, statSync } from 'node:fs';
import { promisify } from 'node:util';
import type { Test } from 'tap';

const exec = promisify(execFile);

/** One link as `ip -json` tells it; more than this is there. */
export interface Shown {
  readonly ifindex: number;
  readonly ifname: string;
  readonly mtu: number;
  readonly operstate: string;
  readonly address: string;
  readonly flags: readonly string[];
  readonly ifalias?: string;
  readonly addr_info?: readonly {
    readonly family: string;
    readonly local: string;
    readonly prefixlen: number;
    readonly scope: string;
    readonly tentative?: boolean;
    readonly nodad?: boolean;
  }[];
  // Of routes and neighbours.
  readonly dst?: string;
  readonly dev?: string;
  readonly gateway?: string;
  readonly metric?: number;
  readonly protocol?: string;
  readonly lladdr?: string;
  readonly state?: readonly string[];
}

/** A network namespace of a test's own. */
export interface Sandbox {
  readonly name: string;
  readonly path: string;
  /** As the wire names it. */
  readonly url: string;
  /** `ip -json ARGS` in it. */
  readonly ip: (...args: string[]) => Promise<Shown[]>;
  /** Any program in it; its standard output. */
  readonly run: (program: string, ...args: string[]) => Promise<string>;
  /** Put a process into it, which makes it findable by its inode; ends with the test. */
  readonly inhabit: () => Promise<void>;
  /** Remove it now, its process too; once more does nothing. */
  readonly remove: () => Promise<void>;
}

/** A new namespace, removed at the end of the test. */
export async function sandbox(t: Test): Promise<Sandbox> {
  const name = `ww-${randomUUID().slice(0, 8)}`;
  await exec('ip', ['netns', 'add', name]);
  let removed: Promise<unknown> | undefined;
  let inhabitant: ChildProcess | undefined;
  const remove = async (): Promise<void> => {
    inhabitant?.kill('SIGKILL');
    await (removed ??= exec('ip', ['netns', 'del', name]));
  };
  t.teardown(remove);
  const path = `/run/netns/${name}`;
  const { dev, ino } = statSync(path, { bigint: true });
  return {
    name,
    path,
    url: `inode://${String(dev)}/${String(ino)}`,
    async ip(...args) {
      const { stdout } = await exec('ip', ['-json', '-details', '-netns', name, ...args]);
      return stdout.trim() === '' ? [] : (JSON.parse(stdout) as Shown[]);
    },
    async run(program, ...args) {
      const { stdout } = await exec('ip', ['netns', 'exec', name, program, ...args]);
      return stdout;
    },
    async inhabit() {
      const child = spawn('ip', ['netns', 'exec', name, 'sh', '-c', 'echo in; exec sleep 600']);
      inhabitant = child;
      await once(child.stdout, 'data');
    },
    remove,
  };
}

/** How many descriptors this process has open. */
export function descriptors(): number {
  return readdirSync('/proc/self/fd').length;
}
