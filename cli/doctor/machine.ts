// SPDX-License-Identifier: Apache-2.0
/** Looking at the machine, with its own tools and without leaving anything on it. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { access, readFile, readdir, readlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Look } from './finding.js';

const exec = promisify(execFile);

/** Whether version `have` (`6.1.0-9-amd64`) is `wanted` or later. */
export function atLeast(have: string, wanted: string): boolean {
  const parts = have.split(/[.-]/).map(Number);
  for (const [at, part] of wanted.split('.').map(Number).entries()) {
    const ours = parts[at] ?? 0;
    if (ours !== part) return ours > part;
  }
  return true;
}

/** Our addons, and whether each is built. */
export function builtAddons(): readonly (readonly [name: string, there: boolean])[] {
  return ['#loader', '#netns', '#ping'].map((name) => [
    name.slice(1),
    existsSync(fileURLToPath(import.meta.resolve(name))),
  ]);
}

/** Whether a path is there. */
export async function pathExists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** The first line of a file that fits, or the empty text. */
export async function firstLine(path: string, pattern = /^.*$/m): Promise<string> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return pattern.exec(text)?.[0] ?? '';
}

const bits: Readonly<Record<string, bigint>> = {
  CAP_NET_ADMIN: 12n,
  CAP_SYS_PTRACE: 19n,
  CAP_SYS_ADMIN: 21n,
};

/** Which of the capabilities this process lacks. */
export async function capabilities(wanted: readonly string[]): Promise<readonly string[]> {
  const line = await firstLine('/proc/self/status', /^CapEff:.*$/m);
  const held = BigInt(`0x${line.replace('CapEff:', '').trim() || '0'}`);
  return wanted.filter((name) => ((held >> (bits[name] ?? 0n)) & 1n) === 0n);
}

/** Try to make a network namespace; it ends with the program in it. */
export async function newNamespace(good: string): Promise<Look> {
  return tried(good, 'true');
}

/** Try to make an interface of a kind, in a namespace that ends at once. */
export async function linkKind(kind: string, ...options: readonly string[]): Promise<Look> {
  return tried('can be made', 'ip', 'link', 'add', 'ww-doctor', 'type', kind, ...options);
}

async function tried(good: string, ...command: readonly string[]): Promise<Look> {
  try {
    await exec('unshare', ['--net', '--', ...command]);
    return { ok: true, detail: good };
  } catch (reason) {
    const missing = reason instanceof Error && 'code' in reason && reason.code === 'ENOENT';
    if (missing) return { ok: false, detail: 'no unshare', cure: 'apt-get install util-linux' };
    const said = reason instanceof Error && 'stderr' in reason ? String(reason.stderr).trim() : '';
    if (said.includes('failed to execute ip')) {
      return { ok: false, detail: 'no ip', cure: 'apt-get install iproute2' };
    }
    return { ok: false, detail: said.split('\n')[0] ?? 'refused' };
  }
}

/** Of how many processes the network namespace can be seen; that is how a pod's is found. */
export async function namespacesOfOthers(): Promise<{ readable: number; total: number }> {
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
  const seen = await Promise.all(
    pids.map((pid) =>
      readlink(`/proc/${pid}/ns/net`).then(
        () => true,
        // One that has ended in the meantime is no reason to complain.
        (reason: unknown) =>
          !(reason instanceof Error && 'code' in reason && reason.code === 'EACCES'),
      ),
    ),
  );
  return { readable: seen.filter(Boolean).length, total: pids.length };
}

/** Whether somebody accepts connections at a URL. */
export async function managerAnswers(url: string): Promise<Look> {
  const [, host = '', port] = /^tcp:\/\/\[?(.*?)\]?:(\d+)$/.exec(url) ?? [];
  const to = port === undefined ? { path: url.slice('unix://'.length) } : { host, port: +port };
  return new Promise((resolve) => {
    const socket = connect({ ...to, timeout: 1_000 });
    const done = (ok: boolean, detail: string): void => {
      socket.destroy();
      resolve({ ok, detail: `${url}: ${detail}` });
    };
    socket.once('connect', () => done(true, 'accepts connections'));
    socket.once('timeout', () => done(false, 'does not answer'));
    socket.once('error', (error: NodeJS.ErrnoException) => done(false, error.code ?? 'refused'));
  });
}
