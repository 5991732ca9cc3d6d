// SPDX-License-Identifier: Apache-2.0
/**
 * Writes the journal: what was judged and decided, a line each (`journal-record.ts`),
 * read by `journal-file.ts`. When it is long enough it is put aside, and what was put
 * aside before is gone.
 *
 * Leaves: both files; the next life writes on. What cannot be written is told once
 * and dropped: nothing waits for a disk.
 */
import { appendFile, rename, stat } from 'node:fs/promises';
import type { Logger } from '../../api/log/log.js';
import { journalPath } from './journal-file.js';
import type { JournalRecord } from './journal-record.js';

/** What {@link Journal} works with. */
export interface JournalOptions {
  /** The forwarder's state folder. */
  readonly folder: string;
  readonly log: Logger;
  /** How long it becomes, in bytes, before it is put aside; 32 MiB where not given. */
  readonly longest?: number;
}

const usualLongest = 32 * 2 ** 20;
/** Characters that wait for a slow disk; what is more is dropped. */
const mostWaiting = 2 ** 20;

/** See the head of this file. */
export class Journal {
  readonly #path: string;
  readonly #log: Logger;
  readonly #longest: number;
  #size: number | undefined;
  #waiting = '';
  #setup = '';
  #writing: Promise<void> | undefined;
  #isFailing = false;

  constructor({ folder, log, longest = usualLongest }: JournalOptions) {
    this.#path = journalPath(folder);
    this.#log = log;
    this.#longest = longest;
  }

  /** Write these, soon and in this order. A setup is also the first line of every file from now on. */
  write(records: readonly JournalRecord[]): void {
    for (const record of records) {
      const line = lineOf(record);
      // No life begins with a file.
      if (record.type === 'setup') this.#setup = lineOf({ ...record, adopt: undefined });
      if (this.#waiting.length + line.length <= mostWaiting) this.#waiting += line;
    }
    if (this.#waiting !== '') this.#writing ??= this.#drain();
  }

  /** Resolves when everything is written. */
  async flushed(): Promise<void> {
    await this.#writing;
  }

  async #drain(): Promise<void> {
    while (this.#waiting !== '') {
      const text = this.#waiting;
      this.#waiting = '';
      try {
        await this.#append(text);
        this.#isFailing = false;
      } catch (reason) {
        if (!this.#isFailing) this.#log.warn({ err: reason }, 'the journal cannot be written');
        this.#isFailing = true;
        this.#size = undefined;
      }
    }
    this.#writing = undefined;
  }

  async #append(text: string): Promise<void> {
    this.#size ??= await sizeOf(this.#path);
    let written = text;
    if (this.#size + Buffer.byteLength(text) > this.#longest && this.#size > 0) {
      await rename(this.#path, `${this.#path}.1`);
      this.#size = 0;
      if (!text.startsWith('{"type":"setup"')) written = this.#setup + text;
    }
    await appendFile(this.#path, written, { mode: 0o600 });
    this.#size += Buffer.byteLength(written);
  }
}

function lineOf(record: object): string {
  return `${JSON.stringify(record)}\n`;
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (reason) {
    if ((reason as { code?: string }).code === 'ENOENT') return 0;
    throw reason;
  }
}
