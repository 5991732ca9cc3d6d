// SPDX-License-Identifier: Apache-2.0
/** `wanwire up` as a user starts it, and what can be seen of it from outside. For tests of the command itself. */
import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock as clock } from '../../api/chain/clock.js';
import { environment } from '../../api/env/read-environment.js';
import { NetworkService, NetworkServiceEndpoint } from '../../api/gen/registry.js';
import { channels } from '../../api/grpc/dial.js';
import { insecure } from '../../api/identity/security.js';
import { identityFrom } from '../../cli/demo/identity.js';
import { silentLogger } from '../../api/log/log.js';
import { remoteRegistries } from '../../api/registry/remote.js';
import { command as built } from './command.js';

const wanwire = built();
/** A busy machine may take its time. */
const patienceMs = 60_000;

/** How it is started. */
export interface UpOptions {
  /** Path of the network namespace; our own where not given. */
  readonly netns?: string;
  readonly files: readonly string[];
  readonly directory: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** See the head of this file. Disposing it ends it. */
export class Up implements AsyncDisposable {
  readonly pid: number;
  readonly directory: string;
  /** What it and its processes wrote. */
  out = '';
  err = '';
  readonly ended: Promise<number | null>;
  readonly #child: ChildProcess;
  readonly #isInsecure: boolean;

  /** Start it, and wait for nothing. */
  constructor({ netns, files, directory, env }: UpOptions) {
    const entering = netns === undefined ? [] : ['nsenter', `--net=${netns}`];
    const args = [...files.flatMap((file) => ['-f', file]), '--directory', directory];
    const [program = '', ...rest] = [...entering, process.execPath, wanwire, 'up', ...args];
    this.#isInsecure = env?.['WANWIRE_INSECURE'] === 'true';
    const trust = { WANWIRE_TRUST_DIR: `${directory}-trust` };
    const child = spawn(program, rest, {
      env: { PATH: environment()['PATH'], ...trust, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    this.pid = child.pid ?? 0;
    this.directory = directory;
    child.stdout.setEncoding('utf8').on('data', (text: string) => (this.out += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.err += text));
    this.ended = new Promise((resolve) => child.once('exit', resolve));
  }

  /** Start it, and wait until it is ready. */
  static async start(options: UpOptions): Promise<Up> {
    const up = new Up(options);
    try {
      await until('ready', () => up.out.includes('is ready') || up.isOver);
    } catch (reason) {
      await up.end('SIGKILL');
      throw reason;
    }
    if (up.isOver) throw new Error(`it ended before it was ready:\n${up.err}`);
    return up;
  }

  get isOver(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Its processes by subcommand. */
  get processes(): Readonly<Record<string, number>> {
    return processesOf(this);
  }

  /** The endpoints at its manager, by name, with their services. */
  async endpoints(): Promise<Readonly<Record<string, readonly string[]>>> {
    const entries = await this.#find((registries, call) =>
      registries.endpoints.find(call, NetworkServiceEndpoint.create(), false),
    );
    return Object.fromEntries(entries.map((one) => [one.name, one.networkServiceNames]));
  }

  /** The network services at its manager. */
  async services(): Promise<readonly string[]> {
    const entries = await this.#find((registries, call) =>
      registries.services.find(call, NetworkService.create(), false),
    );
    return entries.map(({ name }) => name).sort();
  }

  async #find<T>(ask: (...with_: Asking) => AsyncIterable<{ readonly entry: T }>): Promise<T[]> {
    const log = silentLogger();
    const signal = AbortSignal.timeout(30_000);
    using security = this.#isInsecure
      ? insecure('test')
      : await identityFrom(`unix://${join(this.directory, 'agent.sock')}`, signal);
    using peers = channels({ security, dialTimeoutMs: 5_000, log, clock });
    using channel = peers.acquire(`unix://${join(this.directory, 'nsm.io.sock')}`);
    const registries = remoteRegistries(channel);
    const entries: T[] = [];
    for await (const { entry } of ask(registries, { signal, log, clock })) entries.push(entry);
    return entries;
  }

  /** Send it a signal; resolves to its exit code. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    if (!this.isOver) this.#child.kill(signal);
    return this.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const children = Object.values(this.processes);
    await this.end('SIGTERM');
    await until('the end of its processes', () => children.every((pid) => !lives(pid)));
  }
}

type Asking = [
  ReturnType<typeof remoteRegistries>,
  Parameters<ReturnType<typeof remoteRegistries>['services']['find']>[0],
];

/** Wait until it is so. */
export async function until(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  withinMs = patienceMs,
): Promise<void> {
  const endMs = Date.now() + withinMs;
  while (!(await isSo())) {
    if (Date.now() > endMs) throw new Error(`waited ${String(withinMs / 1000)} s for ${what}`);
    await sleep(50);
  }
}

/** Whether a process is there and no zombie. */
export function lives(pid: number): boolean {
  const stat = textOf(`/proc/${String(pid)}/stat`);
  return stat !== '' && !/\) [ZX] /.test(stat);
}

/** The processes that another has started, by their last word; one that ends meanwhile has none. */
export function processesOf({ pid }: { readonly pid: number }): Readonly<Record<string, number>> {
  const parent = String(pid);
  const children = textOf(`/proc/${parent}/task/${parent}/children`).split(' ').filter(Boolean);
  return Object.fromEntries(
    children.map((child) => [
      textOf(`/proc/${child}/cmdline`).split('\0').filter(Boolean).at(-1) ?? '',
      Number(child),
    ]),
  );
}

/** Remove what a site's data plane leaves, for the next one to find. */
export function forgetDataPlane(site: string): void {
  for (const bpf of ['/sys/fs/bpf/wanwire', '/run/wanwire/bpf']) {
    rmSync(join(bpf, `${site}-forwarder`), { recursive: true, force: true });
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
