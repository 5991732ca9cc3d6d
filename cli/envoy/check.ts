// SPDX-License-Identifier: Apache-2.0
/** Asks a real Envoy whether it takes a configuration. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What Envoy says of it, in the end. */
export interface Verdict {
  readonly ok: boolean;
  /** Why not; its version where it is right. */
  readonly text: string;
}

const longestMs = 30_000;

/** Runs `--mode validate`: nothing is listened on and nothing is sent. */
export async function validate(program: string, bootstrap: object): Promise<Verdict> {
  const folder = await mkdtemp(join(tmpdir(), 'ww-envoy-'));
  try {
    const path = join(folder, 'envoy.json');
    await writeFile(path, JSON.stringify(bootstrap));
    const args = ['--mode', 'validate', '--log-level', 'warning', '-c', path];
    const run = await output(folder, program, args);
    if (run.ok) return { ok: true, text: await versionOf(folder, program) };
    return { ok: false, text: reasonOf(run.text.replaceAll(path, 'the configuration')) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** It writes to a file: a log at /dev/stdout cannot be opened where that is a socket. */
async function output(folder: string, program: string, args: readonly string[]): Promise<Verdict> {
  const path = join(folder, 'said');
  const file = await open(path, 'w');
  try {
    const stdio = ['ignore', file.fd, file.fd] as const;
    const child = spawn(program, args, { stdio: [...stdio], timeout: longestMs });
    const [code] = (await once(child, 'exit')) as [number | null];
    return { ok: code === 0, text: (await readFile(path, 'utf8')).trim() };
  } catch (reason) {
    return { ok: false, text: reason instanceof Error ? reason.message : String(reason) };
  } finally {
    await file.close();
  }
}

/** Such as `1.40.0`. */
async function versionOf(folder: string, program: string): Promise<string> {
  const { text } = await output(folder, program, ['--version']);
  return /\/(\d+\.\d+\.\d+[^/]*)\//.exec(text)?.[1] ?? 'of an unknown version';
}

/** What begins with a time is its log: the reason stands in that as well, or after it. */
function reasonOf(text: string): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const errors = lines.filter((line) =>
    /\]\[(error|critical)\]|^error|\berror initializing/i.test(line),
  );
  const kept = (errors.length > 0 ? errors : lines).slice(-3);
  return kept.map((line) => line.replace(/^\[[^\]]*\]\[\d+\]\[\w+\](\[[^\]]*\] )*/, '')).join('\n');
}
