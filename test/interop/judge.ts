// SPDX-License-Identifier: Apache-2.0
/** Drives the judge (`test/judge`, Go): builds it, asks it, ends it. */
import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, renameSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const exec = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = `${root}build/judge`;
const program = `${folder}/judge`;
const descriptors = `${folder}/descriptors.binpb`;

let built: Promise<void> | undefined;

/** What an order was refused with. */
export class Refused extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(`${code}: ${message}`);
    this.code = code;
  }
}

/** JSON of a message, as protobuf writes it. */
export type Message = Readonly<Record<string, unknown>>;

/** One answer to a call. */
export interface Answer {
  readonly message: Message;
  readonly peer: string;
  /** The registry's `path` header. */
  readonly path: readonly string[] | null;
  /** Of a Request: what a client's rules find wrong; empty is good. */
  readonly verdict?: string;
  /** The inodes of the descriptors that were asked for. */
  readonly fetched?: readonly string[];
}

/** One call that a server of the judge's got. */
export interface Seen {
  readonly method: string;
  readonly message: Message;
  readonly peer: string;
  /** Of the certificate that the caller has shown. */
  readonly serial: string;
  readonly path: readonly string[] | null;
  /** What a server's rules find wrong with the caller's token and the path; empty is good. */
  readonly verdict: string;
}

/** What `identity` tells. */
export interface Told {
  readonly id: string;
  readonly roots: number;
  readonly chain: number;
  readonly verifies: boolean;
  readonly elliptic: boolean;
  readonly uris: number;
  readonly serial: string;
  readonly notAfterMs: number;
  readonly lifetimeMs: number;
}

/** Of test/judge/go.mod. */
const goWanted = 24;

/** Why the judge cannot be asked here; undefined where it can. Without Go there is no judge, as `go version` shows. */
export function noJudge(): string | undefined {
  try {
    const said = execFileSync('go', ['version'], { encoding: 'utf8' }).trim();
    const [, minor = '0'] = /go1\.(\d+)/.exec(said) ?? [];
    return Number(minor) < goWanted ? `${said}: want 1.${String(goWanted)} or later` : undefined;
  } catch (error) {
    return `no Go here: ${error instanceof Error ? error.message : String(error)}`;
  }
}

interface Reply {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: { readonly code: string; readonly message: string };
}

/** A judge. Disposing it ends it, and all that it serves. */
export class Judge implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  #next = 1;
  readonly #words: string[] = [];

  private constructor(child: ChildProcess) {
    this.#child = child;
    if (child.stdout === null || child.stderr === null) throw new Error('no pipes');
    createInterface({ input: child.stdout }).on('line', (line) => {
      const reply = JSON.parse(line) as Reply;
      this.#waiting.get(reply.id)?.(reply);
      this.#waiting.delete(reply.id);
    });
    createInterface({ input: child.stderr }).on('line', (line) => this.#words.push(line));
    child.once('exit', () => {
      for (const [id, tell] of this.#waiting)
        tell({ id, error: { code: 'Gone', message: this.#words.slice(-20).join('\n') } });
      this.#waiting.clear();
    });
  }

  /** A built one, in this namespace; under a group of its own where that is said. */
  static async open(group = 0): Promise<Judge> {
    await (built ??= build());
    const as = ['--regid', String(group), '--clear-groups', '--pdeathsig', 'KILL'];
    const args = [...as, '--', program, descriptors];
    return new Judge(spawn('setpriv', args, { stdio: 'pipe' }));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** One order; its arguments are those of `test/judge`. */
  async ask<T = unknown>(op: string, wanted: Message = {}): Promise<T> {
    const id = this.#next++;
    const reply = await new Promise<Reply>((resolve) => {
      this.#waiting.set(id, resolve);
      this.#child.stdin?.write(`${JSON.stringify({ ...wanted, id, op })}\n`);
    });
    if (reply.error !== undefined) throw new Refused(reply.error.code, reply.error.message);
    return reply.value as T;
  }

  /** One RPC of a client of the judge's. */
  async call(
    client: string,
    method: string,
    message: Message,
    more: Message = {},
  ): Promise<Answer> {
    return this.ask<Answer>('call', { client, method, message, ...more });
  }

  /** What a server of the judge's has got since it was last asked. */
  async seen(name: string): Promise<readonly Seen[]> {
    return this.ask<Seen[]>('seen', { name });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }
}

/** Test files may build at the same time: each makes its own and puts it where all look. */
async function build(): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const own = String(process.pid);
  const go = ['CGO_ENABLED=0', 'go', 'build', '-buildvcs=false', '-o', `${program}.${own}`, '.'];
  await exec('env', go, { cwd: `${root}test/judge` });
  const image = `${folder}/${own}.binpb`;
  const buf = `${root}node_modules/.bin/buf`;
  await exec(buf, ['build', '--exclude-source-info', '-o', image], { cwd: root });
  renameSync(image, descriptors);
  renameSync(`${program}.${own}`, program);
}

/** The code and words of a refusal; fails where there was none. */
export async function refusal(asked: Promise<unknown>): Promise<string> {
  try {
    await asked;
  } catch (error) {
    if (error instanceof Refused) return error.message;
    throw error;
  }
  return 'OK';
}
