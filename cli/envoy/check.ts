// SPDX-License-Identifier: Apache-2.0
/** Asks a real Envoy whether it takes a configuration. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What Envoy says of it, in the end. */
export interface Verdict {
  readonly ok: boolean;
  /** Why not; its version where it is right. */
  readonly text: string;
}

/** Runs `--mode validate`; nothing is opened or sent. */
export async function validate(program: string, bootstrap: object): Promise<Verdict> {
  const folder = await mkdtemp(join(tmpdir(), 'ww-envoy-'));
  try {
    const path = join(folder, 'envoy.json');
    await writeFile(path, JSON.stringify(bootstrap));
    const run = await output(program, ['--mode', 'validate', '--log-level', 'warning', '-c', path]);
    if (run.ok) return { ok: true, text: await versionOf(program) };
    return { ok: false, text: reasonOf(run.text.replaceAll(path, 'the configuration')) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function output(program: string, args: readonly string[]): Promise<Verdict> {
  return new Promise((done) => {
    execFile(program, args, { timeout: 30_000 }, (error, stdout, stderr) =>
      done({ ok: error === null, text: `${stdout}${stderr}`.trim() || (error?.message ?? '') }),
    );
  });
}

/** Such as `1.40.0`. */
async function versionOf(program: string): Promise<string> {
  const { text } = await output(program, ['--version']);
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
