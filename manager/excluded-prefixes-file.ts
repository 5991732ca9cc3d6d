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
import { parse } from 'yaml';
import { z } from 'zod';
import { parsePrefix } from '../api/env/cidr.js';
import type { PrefixSource } from '../api/elements/excluded-prefixes.js';
import type { Logger } from '../api/log/log.js';

/** A source that watches until it is disposed. */
export interface PrefixFile extends PrefixSource, Disposable {
  /** Resolves when every change seen so far has been read. */
  settled(): Promise<void>;
}

const shape = z.object({ prefixes: z.array(z.string()).nullish() }).nullable();

/** Read `path` and start to watch it. */
export async function prefixFile(path: string, log: Logger): Promise<PrefixFile> {
  let prefixes: readonly string[] = [];
  let reading: Promise<void> = Promise.resolve();

  async function load(): Promise<void> {
    try {
      const text = await readFile(path, 'utf8').catch(absent);
      const found = text === undefined ? null : shape.parse(parse(text));
      const now = (found?.prefixes ?? []).map(parsePrefix);
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
