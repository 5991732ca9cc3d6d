// SPDX-License-Identifier: Apache-2.0
/** Objects compiled for a test, and a bpffs of its own. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import root, { type Test } from 'tap';

const fixtures = fileURLToPath(new URL('fixtures', import.meta.url));
const include = fileURLToPath(new URL('../../bpf/include', import.meta.url));

/** A folder that goes with the test. */
export function folder(t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'ww-bpf-'));
  t.teardown(() => {
    rmSync(path, { recursive: true, force: true });
  });
  return path;
}

/** Compile a C text for BPF; the path of the object. */
export function compileText(t: Test, text: string, ...options: readonly string[]): string {
  const out = join(folder(t), 'test.bpf.o');
  const triple = execFileSync('cc', ['-print-multiarch'], { encoding: 'utf8' }).trim();
  const paths = [`-I/usr/include/${triple}`, `-I${fixtures}`, `-I${include}`];
  const how = ['-O2', '-g', '-target', 'bpf', '-mcpu=v3', '-Wall', '-Wextra', '-Werror'];
  const rest = ['-Wno-unused-parameter', '-x', 'c', '-c', '-', '-o', out];
  execFileSync('clang', [...how, ...paths, ...options, ...rest], {
    input: text,
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  return out;
}

const compiled = new Map<string, string>();

/** Compile `fixtures/NAME.bpf.c`, once for all tests of a file. */
export function compile(name: string, ...options: readonly string[]): string {
  const key = [name, ...options].join(' ');
  const path = compiled.get(key) ?? compileAnew(root, name, ...options);
  compiled.set(key, path);
  return path;
}

/** The same, but as if nobody had done so before. */
export function compileAnew(t: Test, name: string, ...options: readonly string[]): string {
  return compileText(t, `#include "${fixtures}/${name}.bpf.c"\n`, ...options);
}

/** Compile `fixtures/NAME.c`; the path of the program. */
export function compileTool(t: Test, name: string): string {
  const out = join(folder(t), name);
  const how = ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-Werror'];
  execFileSync('cc', [...how, join(fixtures, `${name}.c`), '-o', out], { stdio: 'inherit' });
  return out;
}

/** A folder in a bpffs of its own, unmounted with the test. */
export function bpffs(t: Test): string {
  const path = folder(t);
  execFileSync('mount', ['-t', 'bpf', 'bpf', path]);
  t.teardown(() => {
    execFileSync('umount', [path]);
  });
  // The kernel puts files of its own beside it.
  const pins = join(path, 'pins');
  mkdirSync(pins);
  return pins;
}
