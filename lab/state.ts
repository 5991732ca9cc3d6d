// SPDX-License-Identifier: Apache-2.0
/**
 * What is known of a lab between commands: one folder a lab, in memory as its
 * namespaces are, so that both are gone after a boot. The folder is the lock of
 * whoever makes, changes or removes the lab; the kernel lets go of it when the
 * last process that has it has ended, however it ended.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { LabError } from './file/mistakes.js';
import type { ProcessId } from './process.js';
import type { LabFile, Shape } from './types.js';

const root = '/run/wanwire/lab';
const version = 1;

/** One direction of a cable as it was set. */
export interface DirectionState {
  readonly shape: Shape;
  /** Everything is lost. */
  readonly lost: boolean;
}

/** A cable as it was set. */
export interface CableState {
  /** Not pulled. */
  readonly up: boolean;
  readonly mtu: readonly [number, number];
  readonly directions: readonly [DirectionState, DirectionState];
  /** False while a change is under way; after a crash in it nothing is certain. */
  readonly settled: boolean;
}

/** A lab as it was set. */
export interface LabState {
  readonly version: typeof version;
  /** `making` until everything is there. */
  readonly phase: 'making' | 'up';
  readonly maker: ProcessId;
  /** When it was made. */
  readonly since: string;
  readonly file: LabFile;
  /** Written before the first of them is made. */
  readonly namespaces: readonly string[];
  /** The kernel has netem. */
  readonly netem: boolean;
  readonly cables: Readonly<Record<string, CableState>>;
}

/** Names of the labs there are, half-made ones too. */
export async function labNames(): Promise<string[]> {
  return (await readdir(root).catch(() => [])).sort();
}

/** A lab's folder. */
export class StateFolder {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  get path(): string {
    return join(root, this.name);
  }

  /** Make it; false where it is there already. */
  async claim(): Promise<boolean> {
    await mkdir(root, { recursive: true });
    try {
      await mkdir(this.path, { mode: 0o700 });
      return true;
    } catch (reason) {
      if ((reason as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw reason;
    }
  }

  /** Nothing where there is no such lab, or only its empty folder. */
  async read(): Promise<LabState | undefined> {
    let text: string;
    try {
      text = await readFile(join(this.path, 'lab.json'), 'utf8');
    } catch (reason) {
      if ((reason as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw reason;
    }
    const state = JSON.parse(text) as LabState;
    if ((state.version as number) !== version) {
      throw new LabError(`lab ${this.name} was made by another version of wanwire`);
    }
    return state;
  }

  /** Whole or not at all. */
  async write(state: LabState): Promise<void> {
    const path = join(this.path, 'lab.json');
    await writeFile(`${path}.new`, JSON.stringify(state));
    await rename(`${path}.new`, path);
  }

  async remove(): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }

  /** Be the only one to change the lab; waits for others. Nothing where there is no such lab, `busy` where it takes too long. */
  async lock(waitMs: number): Promise<Lock | 'busy' | undefined> {
    let handle: FileHandle;
    try {
      handle = await open(this.path, 'r');
    } catch (reason) {
      if ((reason as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw reason;
    }
    const lock = new Lock(handle);
    if (!(await flock(handle.fd, waitMs))) {
      await lock[Symbol.asyncDispose]();
      return 'busy';
    }
    // While we waited it may have been removed, and made anew.
    const [ours, there] = await Promise.all([
      handle.stat({ bigint: true }),
      stat(this.path, { bigint: true }).catch(() => undefined),
    ]);
    if (ours.ino === there?.ino) return lock;
    await lock[Symbol.asyncDispose]();
    return this.lock(waitMs);
  }
}

/** Held until it is disposed of and every child that was given its descriptor has ended. */
export class Lock implements AsyncDisposable {
  readonly #handle: FileHandle;
  #released = false;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /** For children whose work must be over before the next one changes the lab. */
  get fd(): number {
    return this.#handle.fd;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    await this.#handle.close();
  }
}

/** Node has no flock: the program locks what the descriptor stands for, and we keep that open. */
async function flock(fd: number, waitMs: number): Promise<boolean> {
  const seconds = (waitMs / 1000).toFixed(3);
  const child = spawn('flock', ['--exclusive', '--wait', seconds, '3'], {
    stdio: ['ignore', 'ignore', 'ignore', fd],
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return code === 0;
}
