// SPDX-License-Identifier: Apache-2.0
/** The demo as a newcomer runs it, and what it leaves. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { environment } from '../../api/env/read-environment.js';
import { findBpfDirectories } from '../../bpf/loader/bpffs.js';
import { command } from './command.js';

/** Who removes what it leaves: a test. */
export interface Cleaner {
  teardown(act: () => void): void;
}

/** Run it with a temporary folder of its own; `onTitle` is told each title as it comes. Resolves when it has ended. */
export async function demo(
  t: Cleaner,
  args: readonly string[],
  onTitle: (title: string, pid: number) => void = () => undefined,
  env: Readonly<Record<string, string>> = {},
) {
  const folder = mkdtempSync(`${tmpdir()}/ww-demo-`);
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const child = spawn(process.execPath, [command(), 'demo', ...args], {
    env: { ...environment(), TMPDIR: folder, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const pid = child.pid ?? 0;
  let said = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
    for (const [title] of text.matchAll(/^(\d {2}|wanwire: |\{"phase").*$/gm)) onTitle(title, pid);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, said, errors, leavings: () => leavings(folder, pid) };
}

/** What there is of a demo: files, processes that know its folder, namespaces, pins. */
function leavings(folder: string, pid: number): readonly string[] {
  const lab = `demo-${String(pid)}`;
  const says = (path: string, text: string): boolean => {
    try {
      return readFileSync(path, 'utf8').includes(text);
    } catch {
      return false;
    }
  };
  // Envoy gets no environment: its configuration tells.
  const processes = readdirSync('/proc').filter(
    (one) =>
      /^\d+$/.test(one) &&
      (says(`/proc/${one}/environ`, folder) || says(`/proc/${one}/cmdline`, `/run/ww-${lab}/`)),
  );
  return [
    ...readdirSync(folder),
    ...processes.map((one) => `process ${nameOf(one)}`),
    ...readdirSync('/run/netns').filter((name) => name.startsWith(`ww-${lab}-`)),
    ...findBpfDirectories().filter((path) => path.includes(`/${lab}-`)),
    ...readdirSync('/run').filter((name) => name === `ww-${lab}`),
  ];
}

function nameOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return pid;
  }
}
