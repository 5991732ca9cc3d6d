// SPDX-License-Identifier: Apache-2.0
/** What the kernel knows of a process: descriptors, memory, its network namespace. */
import { openSync } from 'node:fs';
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

/** Where each namespace is that was named by {@link inodeUrl}. */
const places = new Map<string, string>();

/** A process's network namespace as NSM writes it: `inode://dev/ino`. */
export async function inodeUrl(pid: number): Promise<string> {
  const path = `/proc/${String(pid)}/ns/net`;
  const { dev, ino } = await stat(path);
  const url = `inode://${String(dev)}/${String(ino)}`;
  places.set(url, path);
  return url;
}

/** The namespace of that URL, opened for whoever closes it; nothing where it is gone, or nobody asked for its URL. */
export function openNamespace(url: string): number | undefined {
  const path = places.get(url);
  if (path === undefined) return undefined;
  try {
    return openSync(path, 'r');
  } catch {
    return undefined;
  }
}
