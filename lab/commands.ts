// SPDX-License-Identifier: Apache-2.0
/** Runs iproute2 and the like; what a program complains of is in the error. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { LabError } from './file/mistakes.js';

/** How the lab's programs run: those that change something hold the lab's lock, even when we are killed. */
export class Commands {
  readonly #lock: number | 'ignore';

  constructor(lock?: { readonly fd: number }) {
    this.#lock = lock?.fd ?? 'ignore';
  }

  /** `ip -batch`, in a namespace or at home. */
  async ip(lines: readonly string[], netns?: string): Promise<void> {
    await this.#batch(['ip', ...(netns === undefined ? [] : ['-netns', netns])], lines);
  }

  /**
   * `tc -batch` in a namespace. Where it loads a program it also makes folders in the first BPF file
   * system it finds, or mounts one: so it gets one of its own, which is gone when it ends.
   */
  async tc(lines: readonly string[], netns: string): Promise<void> {
    const alone = 'mount -t bpf bpf /sys/fs/bpf && exec tc "$@"';
    const inside = ['nsenter', `--net=/run/netns/${netns}`, '--', 'unshare', '--mount', '--'];
    await this.#batch([...inside, 'sh', '-c', alone, 'tc'], lines, ['tc', '-netns', netns]);
  }

  /** What a program prints. */
  async run(program: string, args: readonly string[], input = ''): Promise<string> {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe', this.#lock] });
    const [stdin, stdout, stderr] = [child.stdin, child.stdout, child.stderr];
    if (stdin === null || stdout === null || stderr === null) throw new LabError('no pipe');
    let said = '';
    let complaint = '';
    stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
    stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
    // A program that ends early does not read everything.
    stdin.on('error', () => undefined);
    stdin.end(input);
    let code: number | null;
    let by: NodeJS.Signals | null;
    try {
      [code, by] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
    } catch (reason) {
      const missing = (reason as NodeJS.ErrnoException).code === 'ENOENT';
      if (!missing) throw reason;
      throw new LabError(`${program} is not installed; \`wanwire doctor\` tells what is missing`);
    }
    if (code === 0) return said;
    const end = by === null ? `exit code ${String(code)}` : by;
    throw new CommandError([program, ...args].join(' '), complaint.trim() || end);
  }

  /** `shown` is what does the same at a prompt, for messages. */
  async #batch(
    command: readonly string[],
    lines: readonly string[],
    shown: readonly string[] = command,
  ): Promise<void> {
    if (lines.length === 0) return;
    const [program, ...args] = [...command, '-batch', '-'];
    try {
      await this.run(program, args, `${lines.join('\n')}\n`);
    } catch (reason) {
      if (!(reason instanceof CommandError)) throw reason;
      const [, number = '1'] = /Command failed -:(\d+)/.exec(reason.complaint) ?? [];
      const line = lines[Number(number) - 1] ?? '';
      const said = reason.complaint.replace(/\s*Command failed -:\d+\s*$/, '');
      throw new CommandError([...shown, line].join(' '), said);
    }
  }
}

/** A program said no. */
export class CommandError extends LabError {
  override readonly name: string = 'CommandError';
  /** In the program's own words. */
  readonly complaint: string;

  constructor(command: string, complaint: string) {
    super(`${command}: ${complaint}`);
    this.complaint = complaint;
  }
}
