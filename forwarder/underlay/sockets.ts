// SPDX-License-Identifier: Apache-2.0
/** Which process has a UDP port in the process's own network namespace: for errors only, it looks at every process. */
import { readdir, readFile, readlink } from 'node:fs/promises';

const tables = ['/proc/net/udp', '/proc/net/udp6'];
const column = { local: 1, inode: 9 };

/** Its name and number, nothing where it cannot be told. */
export async function processWith(port: number): Promise<string | undefined> {
  const texts = await Promise.all(tables.map((path) => readFile(path, 'utf8').catch(() => '')));
  const hex = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const sockets = texts
    .flatMap((text) => text.split('\n').slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter((columns) => columns[column.local]?.endsWith(hex))
    .map((columns) => `socket:[${String(columns[column.inode])}]`);
  if (sockets.length === 0) return undefined;
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  for (const pid of pids) {
    if (await hasOneOf(pid, sockets)) {
      const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '');
      return `process ${name.trim()} (pid ${pid})`;
    }
  }
  return undefined;
}

async function hasOneOf(pid: string, sockets: readonly string[]): Promise<boolean> {
  const fds = await readdir(`/proc/${pid}/fd`).catch(() => []);
  for (const fd of fds) {
    const target = await readlink(`/proc/${pid}/fd/${fd}`).catch(() => '');
    if (sockets.includes(target)) return true;
  }
  return false;
}
