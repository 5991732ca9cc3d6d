// SPDX-License-Identifier: Apache-2.0
/** Our own way of forwarding in a topology: `plain-node.ts` as a process in its node. */
import { spawn, type ChildProcess } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { bpfDirectory } from '../../../bpf/loader/bpffs.js';
import type { Command } from './plain-node.js';
import type { Topology } from './topology.js';

/** A node that steers. Dispose it before its topology. */
export class Steered implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #directory: string;

  private constructor(child: ChildProcess, lines: Interface, directory: string) {
    this.#child = child;
    this.#lines = lines[Symbol.asyncIterator]();
    this.#directory = directory;
  }

  /** Steer what comes from the client, with room for so many sessions. */
  static async open({ node }: Topology, sessions: number): Promise<Steered> {
    const directory = await bpfDirectory(node);
    const script = fileURLToPath(new URL('./plain-node.js', import.meta.url));
    const child = spawn(
      'nsenter',
      [`--net=/run/netns/${node}`, process.execPath, script, directory, String(sessions)],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    );
    const steered = new Steered(child, createInterface({ input: child.stdout }), directory);
    await steered.#answer();
    return steered;
  }

  /** Ask for something; resolves to the answer. */
  ask(command: Command): Promise<unknown> {
    this.#child.stdin?.write(`${JSON.stringify(command)}\n`);
    return this.#answer();
  }

  async #answer(): Promise<unknown> {
    const line = await this.#lines.next();
    if (line.done === true) throw new Error('the steering process ended');
    return JSON.parse(line.value) as unknown;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.stdin?.write(`${JSON.stringify({ do: 'end' })}\n`);
    await ended;
    await rm(this.#directory, { recursive: true, force: true });
  }
}
