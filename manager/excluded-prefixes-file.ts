// SPDX-License-Identifier: Apache-2.0
/**
 * The prefixes of a YAML file (`prefixes: [10.0.0.0/8]`), read again when it changes.
 *
 * A file or folder that is not there means no prefixes; one with a mistake
 * leaves the last good list in force and says so in the log. The folder is
 * watched, not the file: a ConfigMap's file is a link that is replaced.
 */
import { watch } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { parsePrefix } from '../api/env/cidr.js';
import { invalid } from '../api/errors/wire-error.js';
import type { PrefixSource } from '../api/elements/excluded-prefixes.js';
import type { Logger } from '../api/log/log.js';

/** A source that watches until it is disposed. */
export interface PrefixFile extends PrefixSource, Disposable {
  /** Resolves when every change seen so far has been read. */
  settled(): Promise<void>;
}

/** Read `path` and start to watch it. */
export async function prefixFile(path: string, log: Logger): Promise<PrefixFile> {
  let prefixes: readonly string[] = [];
  let reading: Promise<void> = Promise.resolve();

  async function load(): Promise<void> {
    try {
      const text = await readFile(path, 'utf8').catch(absent);
      const now = text === undefined ? [] : await prefixesOf(text);
      if (now.join() === prefixes.join()) return;
      prefixes = now;
      log.info({ path, prefixes }, 'excluded prefixes');
    } catch (reason) {
      log.warn({ path, err: reason }, 'excluded prefixes not read: the last ones stay in force');
    }
  }

  const again = (): void => {
    reading = reading.then(load);
  };
  const watcher = watchFolder(path, again, log);
  again();
  await reading;
  return {
    current: () => prefixes,
    settled: () => reading,
    [Symbol.dispose]: () => watcher?.close(),
  };
}

async function prefixesOf(text: string): Promise<readonly string[]> {
  // Most machines have no such file, and need not hold a YAML parser in memory.
  const { parse } = await import('yaml');
  const found: unknown = parse(text);
  if (found === null) return [];
  if (typeof found !== 'object' || Array.isArray(found)) throw invalid('file', found, 'prefixes:');
  const list: unknown = 'prefixes' in found ? (found.prefixes ?? []) : [];
  if (!Array.isArray(list)) throw invalid('prefixes', list, 'a list such as [10.0.0.0/8]');
  return list.map((item: unknown) => parsePrefix(String(item)));
}

function watchFolder(path: string, changed: () => void, log: Logger) {
  try {
    const watcher = watch(dirname(path), { persistent: false }, (_event, file) => {
      // A ConfigMap is swapped by renaming `..data`.
      if (file === null || file === basename(path) || file.startsWith('..')) changed();
    });
    watcher.on('error', (reason) => {
      log.warn({ path, err: reason }, 'excluded prefixes are not watched any more');
    });
    return watcher;
  } catch {
    log.debug({ path }, 'no folder for excluded prefixes: restart once there is one');
    return undefined;
  }
}

function absent(reason: unknown): undefined {
  if (reason instanceof Error && 'code' in reason && reason.code === 'ENOENT') return undefined;
  throw reason;
}
