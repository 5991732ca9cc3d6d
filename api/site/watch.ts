// SPDX-License-Identifier: Apache-2.0
/**
 * A site's files as they are now: read again when they change. What has a
 * mistake changes nothing and is told in the log; what says the same is no change.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Clock, Timer } from '../chain/clock.js';
import type { Logger } from '../log/log.js';
import { Folders } from './folders.js';
import { siteFilesOf, type SiteText, textOf } from './read.js';
import { SiteError } from './site-error.js';
import type { SiteFiles } from './types.js';

/** What {@link watchSiteFiles} needs. */
export interface WatchOptions {
  readonly log: Logger;
  readonly clock: Clock;
  /** Told the mistakes of changed files, each time they are others; the log is where not given. */
  readonly onMistakes?: (mistakes: SiteError) => void;
}

/** Files that are watched until this is disposed. */
export interface SiteWatch extends Disposable {
  /** What they said when they last were without a mistake. */
  readonly current: SiteFiles;
  /** Calls back with each new value. */
  onChange(callback: (files: SiteFiles) => void): void;
  /** Resolves when everything that was begun has been read. */
  settled(): Promise<void>;
}

/** Who writes a file does so in steps. It also bounds how often a busy folder makes us read. */
const debounceMs = 100;

/** Read the files, and go on doing so; rejects with a SiteError where they have a mistake now. */
export async function watchSiteFiles(
  paths: readonly string[],
  options: WatchOptions,
): Promise<SiteWatch> {
  const watching = new Watching(paths, options);
  try {
    await watching.start();
  } catch (reason) {
    watching[Symbol.dispose]();
    throw reason;
  }
  return watching;
}

class Watching implements SiteWatch {
  readonly #paths: readonly string[];
  readonly #options: WatchOptions;
  readonly #folders: Folders;
  readonly #callbacks: ((files: SiteFiles) => void)[] = [];
  #timer: Timer | undefined;
  #disposed = false;
  #reading: Promise<void> = Promise.resolve();
  #texts: readonly SiteText[] = [];
  #files: SiteFiles | undefined;
  /** The mistakes that were told last; none while the files are right. */
  #told: string | undefined;

  constructor(paths: readonly string[], options: WatchOptions) {
    this.#paths = paths;
    this.#options = options;
    this.#folders = new Folders(() => this.#soon(), options.log);
  }

  async start(): Promise<void> {
    this.#files = await this.#read();
  }

  get current(): SiteFiles {
    if (this.#files === undefined) throw new TypeError('the site files were not read');
    return this.#files;
  }

  onChange(callback: (files: SiteFiles) => void): void {
    this.#callbacks.push(callback);
  }

  settled(): Promise<void> {
    return this.#reading;
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#timer?.cancel();
    this.#folders[Symbol.dispose]();
  }

  #soon(): void {
    if (this.#disposed) return;
    this.#timer ??= this.#options.clock.after(debounceMs, () => {
      this.#timer = undefined;
      this.#reading = this.#reading.then(() => this.#again());
    });
  }

  async #read(): Promise<SiteFiles> {
    await this.#folders.follow(this.#paths);
    const texts = await Promise.all(this.#paths.map(textOf));
    const same = this.#told === undefined && isDeepStrictEqual(texts, this.#texts);
    if (same && this.#files !== undefined) return this.#files;
    this.#texts = texts;
    return siteFilesOf(texts);
  }

  async #again(): Promise<void> {
    const { log, onMistakes } = this.#options;
    try {
      const files = await this.#read();
      if (this.#told !== undefined) log.info('the site files are right again');
      this.#told = undefined;
      if (this.#disposed || isDeepStrictEqual(files, this.#files)) return;
      this.#files = files;
      for (const callback of this.#callbacks) callback(files);
    } catch (reason) {
      const text = reason instanceof SiteError ? reason.message : undefined;
      if (text === undefined) {
        log.error({ err: reason, unexpected: true }, 'site files not applied');
      } else if (text !== this.#told) {
        if (reason instanceof SiteError && onMistakes) onMistakes(reason);
        else
          log.error({ mistakes: text.split('\n') }, 'site files not applied: they have mistakes');
      }
      this.#told = text;
    }
  }
}
