// SPDX-License-Identifier: Apache-2.0
/** Gives orders to a loader that runs in a network namespace. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import type { Attached } from '../../bpf/loader/attach.js';
import type { Order } from './driver.js';
import { typescript } from './typescript.js';

const driver = fileURLToPath(new URL('driver.ts', import.meta.url));

/** What the driver tells of a pin. */
export type Pinned = Omit<Attached, 'detach'>;

/** A loader in a namespace. */
export class Inside {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, [(answer: unknown) => void, (error: Error) => void]>();
  #next = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on(
      'message',
      ({ id, answer, error }: { id: number; answer: unknown; error?: string }) => {
        const [resolve, reject] = this.#waiting.get(id) ?? [];
        this.#waiting.delete(id);
        if (error === undefined) resolve?.(answer);
        else reject?.(new Error(error));
      },
    );
    child.on('exit', () => {
      for (const [, reject] of this.#waiting.values()) reject(new Error('the driver ended'));
    });
  }

  /** Start one in the namespace of that path; it ends with the test. */
  static async start(t: Test, netns: string): Promise<Inside> {
    // What tap gives to its own processes is not for this one.
    const node = ['env', '-u', 'NODE_OPTIONS', process.execPath, ...typescript, driver];
    const child = spawn('nsenter', [`--net=${netns}`, ...node], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    t.teardown(async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    });
    await once(child, 'spawn');
    return new Inside(child);
  }

  /** Do it, there. */
  do(order: Order): Promise<unknown> {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, [resolve, reject]);
      this.#child.send({ id, order });
    });
  }

  /** What is pinned in a folder. */
  async attachments(links: string): Promise<Pinned[]> {
    return (await this.do({ do: 'attachments', links })) as Pinned[];
  }

  /** kill -9. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }
}
