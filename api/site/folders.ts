// SPDX-License-Identifier: Apache-2.0
/**
 * Watches the folders that files stand in, whichever these are just now: those
 * of the links that lead to a file, and the nearest one that is there where a
 * folder is missing. Tells that something happened, not what.
 */
import { type FSWatcher, statSync, watch } from 'node:fs';
import { lstat, readlink } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { Logger } from '../log/log.js';

/** As many links as the kernel follows. */
const mostLinks = 40;
/** Folders that come and go while they are being looked for are watched the next time. */
const mostLooks = 5;

interface Watched {
  readonly watcher: FSWatcher;
  /** Another folder may take the name. */
  readonly identity: string;
}

/** See the head of this file. */
export class Folders implements Disposable {
  readonly #watched = new Map<string, Watched>();
  readonly #changed: () => void;
  readonly #log: Logger;
  #disposed = false;

  constructor(changed: () => void, log: Logger) {
    this.#changed = changed;
    this.#log = log;
  }

  /** Watch where these files are now. To be called before they are read, each time. */
  async follow(paths: readonly string[]): Promise<void> {
    let before = '';
    for (let look = 0; look < mostLooks; look++) {
      const found = await Promise.all(paths.map((path) => foldersOf(path, 0)));
      const wanted = new Set(found.flat());
      const now = [...wanted].join('\0');
      if (this.#disposed || now === before) return;
      before = now;
      for (const folder of [...this.#watched.keys()]) if (!wanted.has(folder)) this.#drop(folder);
      for (const folder of wanted) this.#watch(folder);
    }
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    for (const folder of [...this.#watched.keys()]) this.#drop(folder);
  }

  #watch(folder: string): void {
    try {
      const { dev, ino } = statSync(folder);
      const identity = `${String(dev)}:${String(ino)}`;
      if (this.#watched.get(folder)?.identity === identity) return;
      this.#drop(folder);
      const watcher = watch(folder, { persistent: false }, (_event, file) => {
        // The folder itself was moved or deleted; a new one may even get its number.
        if (file === null || file === basename(folder)) this.#drop(folder);
        this.#changed();
      });
      watcher.on('error', (reason) => {
        this.#log.warn({ folder, err: reason }, 'folder is not watched any more');
        this.#drop(folder);
      });
      this.#watched.set(folder, { watcher, identity });
    } catch (reason) {
      this.#log.warn({ folder, err: reason }, 'folder cannot be watched: restart after changes');
    }
  }

  #drop(folder: string): void {
    this.#watched.get(folder)?.watcher.close();
    this.#watched.delete(folder);
  }
}

async function foldersOf(path: string, links: number): Promise<readonly string[]> {
  const parts = resolve(path).split('/').slice(1);
  let folder = '/';
  for (const [at, part] of parts.entries()) {
    const next = join(folder, part);
    const found = await lstat(next).catch(() => undefined);
    if (found === undefined) return [folder];
    if (found.isSymbolicLink() && links < mostLinks) {
      const to = await readlink(next).catch(() => '');
      const target = resolve(folder, to, ...parts.slice(at + 1));
      return [folder, ...(await foldersOf(target, links + 1))];
    }
    if (at === parts.length - 1) return [folder];
    folder = next;
  }
  return [folder];
}
