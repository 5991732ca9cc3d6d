// SPDX-License-Identifier: Apache-2.0
/**
 * A namespace of a lab, and how to run something in it. Entered with `nsenter`:
 * `ip netns exec` would mount another /sys, and with it hide /sys/fs/bpf.
 */
import { execFile, spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { promisify } from 'node:util';

const exec = promisify(execFile);
const mostOutput = 64 * 1024 * 1024;

/** See the head of this file. */
export class Place {
  /** `edge`, `edge/client`. */
  readonly name: string;
  /** Its name under /run/netns. */
  readonly netns: string;

  constructor(name: string, netns: string) {
    this.name = name;
    this.netns = netns;
  }

  /** /run/netns/NAME. */
  get path(): string {
    return `/run/netns/${this.netns}`;
  }

  /** Run a program in it; resolves to what it printed, rejects with what it complained of. */
  async exec(program: string, ...args: readonly string[]): Promise<string> {
    const { stdout } = await exec('nsenter', this.#entering(program, args), {
      maxBuffer: mostOutput,
    });
    return stdout;
  }

  /** Start a program in it; the caller ends it. */
  spawn(program: string, args: readonly string[] = [], options: SpawnOptions = {}): ChildProcess {
    return spawn('nsenter', this.#entering(program, args), options);
  }

  #entering(program: string, args: readonly string[]): string[] {
    return [`--net=${this.path}`, '--', program, ...args];
  }
}
