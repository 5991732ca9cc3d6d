// SPDX-License-Identifier: Apache-2.0
/**
 * One `wanwire up` a folder: a file there names the process that has it, and
 * the processes it started, each by pid, start time and boot.
 *
 * Leaves the file when it is killed. The next one takes the folder over: what
 * the dead one's processes are still about (they end by themselves) is waited for.
 */
import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rename, unlink, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { delay, type Clock } from '../../api/chain/clock.js';
import { WireError } from '../../api/errors/wire-error.js';
import type { Logger } from '../../api/log/log.js';

/** A process, so that another one with its number is not taken for it. */
interface Identity {
  readonly pid: number;
  /** In ticks since the boot. */
  readonly started: string;
  readonly boot: string;
}

interface Record {
  readonly owner: Identity;
  readonly children: readonly Identity[];
}

/** A folder that is ours until this is closed. */
export interface Claim {
  /** These are the processes we have started that run now. */
  note(pids: readonly number[]): Promise<void>;
  close(): Promise<void>;
}

/** How long the processes of a dead `up` get before they are killed; `live` gives them 7 s. */
const patienceMs = 8_000;
const lookMs = 50;

/** Take the folder; ALREADY_EXISTS where a running process has it. */
export async function claim(
  directory: string,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): Promise<Claim> {
  await mkdir(directory, { recursive: true });
  const path = join(directory, 'up.json');
  const owner = identityOf(process.pid);
  if (owner === undefined) throw new TypeError('/proc does not tell who we are');
  let left: readonly Identity[] = [];
  while (!(await taken(path, { owner, children: left }))) {
    const before = await read(path);
    if (before !== undefined && lives(before.owner)) throw refused(directory, before.owner.pid);
    left = before?.children ?? [];
    await setAside(path, before);
  }
  await buried(left, clock, log);
  let writing = Promise.resolve();
  const note = (pids: readonly number[]): Promise<void> => {
    const children = pids.flatMap((pid) => identityOf(pid) ?? []);
    writing = writing.then(() => replace(path, { owner, children }));
    return writing;
  };
  return {
    note,
    close: async () => {
      await writing;
      await unlink(path).catch(absent);
    },
  };
}

function refused(directory: string, pid: number): WireError {
  const text = `another wanwire up (pid ${String(pid)}) has ${directory}: end it, or give this one a --directory of its own`;
  return new WireError(status.ALREADY_EXISTS, text);
}

/** Put the file there, whole, unless there is one. */
async function taken(path: string, record: Record): Promise<boolean> {
  const fresh = `${path}.${randomUUID()}`;
  await writeFile(fresh, JSON.stringify(record), { mode: 0o600 });
  try {
    await link(fresh, path);
    return true;
  } catch (reason) {
    if (codeOf(reason) === 'EEXIST') return false;
    throw reason;
  } finally {
    await unlink(fresh);
  }
}

async function replace(path: string, record: Record): Promise<void> {
  const fresh = `${path}.${randomUUID()}`;
  await writeFile(fresh, JSON.stringify(record), { mode: 0o600 });
  await rename(fresh, path);
}

/** Take a dead one's file away; what is there by now is put back where it is somebody else's. */
async function setAside(path: string, before: Record | undefined): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  await rename(path, aside).catch(absent);
  const got = await read(aside);
  if (got !== undefined && JSON.stringify(got) !== JSON.stringify(before)) {
    await link(aside, path).catch(() => undefined);
  }
  await unlink(aside).catch(absent);
}

/** Wait until they are gone; those that stay are killed. */
async function buried(left: readonly Identity[], clock: Clock, log: Logger): Promise<void> {
  const endMs = clock.now() + patienceMs;
  let living = left.filter(lives);
  if (living.length > 0) {
    log.info({ pids: living.map(({ pid }) => pid) }, 'waiting for the processes of a dead up');
  }
  while (living.length > 0) {
    if (clock.now() >= endMs) {
      for (const { pid } of living) {
        log.warn({ pid }, 'a process of a dead up did not end: killing it');
        process.kill(pid, 'SIGKILL');
      }
    }
    await delay(clock, lookMs);
    living = living.filter(lives);
  }
}

async function read(path: string): Promise<Record | undefined> {
  const text = await readFile(path, 'utf8').catch(absent);
  if (text === undefined) return undefined;
  try {
    const { owner, children } = JSON.parse(text) as Partial<Record>;
    return isIdentity(owner) ? { owner, children: (children ?? []).filter(isIdentity) } : undefined;
  } catch {
    // Nobody of ours has written that.
    return undefined;
  }
}

function isIdentity(value: unknown): value is Identity {
  if (typeof value !== 'object' || value === null) return false;
  const { pid, started, boot } = value as Partial<Identity>;
  // Nothing that `kill` would take for more than one process.
  return (
    Number.isInteger(pid) &&
    Number(pid) > 1 &&
    [started, boot].every((one) => typeof one === 'string')
  );
}

function lives(one: Identity): boolean {
  const now = identityOf(one.pid);
  return now !== undefined && now.started === one.started && now.boot === one.boot;
}

function identityOf(pid: number): Identity | undefined {
  try {
    const stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    // The second field is a name and may hold anything, also spaces and brackets.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, started = ''] = [fields[0], fields[19]];
    return state === 'Z' || state === 'X' ? undefined : { pid, started, boot };
  } catch {
    return undefined;
  }
}

function absent(reason: unknown): undefined {
  if (codeOf(reason) === 'ENOENT') return undefined;
  throw reason;
}

function codeOf(reason: unknown): unknown {
  return reason instanceof Error && 'code' in reason ? reason.code : undefined;
}
