// SPDX-License-Identifier: Apache-2.0
/** Processes named by pid and start time, which together name one for ever; never by what they are called. */
import { readFile, readdir, readlink } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** One process, also after its pid has gone to another. */
export interface ProcessId {
  readonly pid: number;
  /** In clock ticks since boot. */
  readonly started: string;
}

/** The process of that pid; nothing where there is none. */
export async function processOf(pid: number): Promise<ProcessId | undefined> {
  const fields = await statOf(pid);
  const started = fields?.[19];
  return started === undefined ? undefined : { pid, started };
}

/** Whether it still runs. */
export async function runs({ pid, started }: ProcessId): Promise<boolean> {
  return (await processOf(pid))?.started === started;
}

/** End it: SIGTERM, then SIGKILL after `patienceMs`; resolves when it is gone. */
export async function end(process: ProcessId, patienceMs: number): Promise<void> {
  if (!(await signal(process, 'SIGTERM'))) return;
  if (await goneWithin(process, patienceMs)) return;
  await signal(process, 'SIGKILL');
  // Only a process stuck in the kernel stays; it goes by itself.
  await goneWithin(process, 2_000);
}

/** Whether it is gone after at most `ms`. */
export async function goneWithin(process: ProcessId, ms: number): Promise<boolean> {
  const late = performance.now() + ms;
  while (await runs(process)) {
    if (performance.now() > late) return false;
    await sleep(10);
  }
  return true;
}

async function signal(target: ProcessId, name: NodeJS.Signals): Promise<boolean> {
  if (!(await runs(target))) return false;
  try {
    return process.kill(target.pid, name);
  } catch {
    return false;
  }
}

/** Everything that runs in network namespaces of these inodes, but us and those whose children we are. */
export async function processesIn(inodes: ReadonlySet<bigint>): Promise<ProcessId[]> {
  const spared = await ourLine();
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(
    pids.map(async (pid) => {
      if (spared.has(pid)) return [];
      const link = await readlink(`/proc/${String(pid)}/ns/net`).catch(() => '');
      const [, inode] = /^net:\[(\d+)\]$/.exec(link) ?? [];
      if (inode === undefined || !inodes.has(BigInt(inode))) return [];
      return (await processOf(pid)) ?? [];
    }),
  );
  return found.flat();
}

/** This process, its parent, and so on. */
async function ourLine(): Promise<ReadonlySet<number>> {
  const line = new Set<number>();
  for (let pid = process.pid; pid > 1 && !line.has(pid);) {
    line.add(pid);
    pid = Number((await statOf(pid))?.[1] ?? 0);
  }
  return line;
}

/** What stands in /proc/PID/stat after the name, beginning with the state; nothing where it runs no more. */
async function statOf(pid: number): Promise<readonly string[] | undefined> {
  const text = await readFile(`/proc/${String(pid)}/stat`, 'utf8').catch(() => '');
  // The name is in brackets and may have brackets and blanks in it.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return text === '' || fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields;
}
