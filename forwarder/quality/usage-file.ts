// SPDX-License-Identifier: Apache-2.0
/**
 * Keeps the account of what each link carried in a month (`usage.ts`) in the state
 * folder, written anew once a minute.
 *
 * Leaves: the file. What flows while nobody of ours runs is in the maps, and added later.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '../../api/log/log.js';
import { addUsage, noUsage, parseUsage, usageName, type Metered, type Usage } from './usage.js';

const everyMs = 60_000;

/** See the head of this file. */
export class UsageFile {
  readonly #path: string;
  readonly #log: Logger;
  #usage: Usage;
  #dueMs = 0;
  #isFailing = false;

  constructor(folder: string, log: Logger) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#path = join(folder, usageName);
    this.#log = log;
    this.#usage = textAt(this.#path);
  }

  /** With what strands have carried until now; nothing is written. */
  with(nowMs: number, strands: readonly Metered[]): Usage {
    return addUsage(this.#usage, nowMs, strands);
  }

  /** Write it when it is time; `strands` is asked only then. */
  keep(nowMs: number, strands: () => readonly Metered[]): void {
    // A clock that was set back must not keep us waiting.
    if (nowMs < this.#dueMs && this.#dueMs - nowMs <= everyMs) return;
    this.#dueMs = nowMs + everyMs;
    this.#usage = this.with(nowMs, strands());
    try {
      writeFileSync(`${this.#path}.new`, JSON.stringify(this.#usage), { mode: 0o600 });
      renameSync(`${this.#path}.new`, this.#path);
      this.#isFailing = false;
    } catch (reason) {
      if (!this.#isFailing)
        this.#log.warn({ err: reason }, 'the account of links cannot be written');
      this.#isFailing = true;
    }
  }
}

function textAt(path: string): Usage {
  try {
    return parseUsage(readFileSync(path, 'utf8'));
  } catch {
    return noUsage();
  }
}
