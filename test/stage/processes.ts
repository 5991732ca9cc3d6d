// SPDX-License-Identifier: Apache-2.0
/** What the kernel knows of a process: descriptors, memory, its network namespace. */
import { readdir, readFile, stat } from 'node:fs/promises';

/** Open descriptors, sorted by what they lead to; for counting and for telling what leaked. */
export async function descriptors(pid: number): Promise<number> {
  return (await readdir(`/proc/${String(pid)}/fd`)).length;
}

/** Resident memory in KiB. */
export async function residentKib(pid: number): Promise<number> {
  const status = await readFile(`/proc/${String(pid)}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? NaN);
}

/** A process's network namespace as NSM writes it: `inode://dev/ino`. */
export async function inodeUrl(pid: number): Promise<string> {
  const { dev, ino } = await stat(`/proc/${String(pid)}/ns/net`);
  return `inode://${String(dev)}/${String(ino)}`;
}
