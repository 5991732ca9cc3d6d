// SPDX-License-Identifier: Apache-2.0
/**
 * A stage for the demo, the integration tests and the benchmarks: wanwire's own
 * processes, each as a child of this one, those that ask for it in a network
 * namespace that lives as long as its process does (as a pod's would). Leaves
 * nothing: the namespaces end with the processes, the processes end with us,
 * even when we are killed (`setpriv --pdeathsig`), and the sockets are in one
 * temporary directory.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const exec = promisify(execFile);
/** Nothing of the caller's environment reaches a process but this. */
const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** A busy machine may take its time. */
const readyWithinMs = 60_000;
/** `wanwire up` ends its processes one after the other. */
const endWithinMs = 20_000;

/** One running wanwire process. */
export interface Player {
  readonly name: string;
  readonly pid: number;
  /** Run a program in this process's network namespace; resolves to what it printed. */
  run(program: string, ...args: string[]): Promise<string>;
  /** Send a signal and wait for the end; SIGKILL follows after 20 s. Resolves to the exit code, or null. */
  end(signal: NodeJS.Signals): Promise<number | null>;
  /** Resolves when it has ended, by whatever cause. */
  readonly ended: Promise<number | null>;
  /** Its last lines on stderr. */
  log(): string;
}

/** How a process is started. */
export interface Role {
  readonly name: string;
  /** `manager`, `forwarder`, `nse` or `nsc`; or a program with its arguments that prints a line when it is ready. */
  readonly command: string | readonly string[];
  /** Its whole environment but `PATH`. */
  readonly env?: Readonly<Record<string, string>>;
  /** In a network namespace of its own, in another player's, or in one by its path, such as a lab's. */
  readonly namespace?: 'own' | Player | { readonly netns: string };
}

/** The stage. Disposing it ends every process and removes the directory. */
export class World implements AsyncDisposable {
  /** Sockets and state live here. */
  readonly directory: string;
  readonly #wanwire: string;
  readonly #players = new Map<string, Player>();
  readonly #errands = new Errands();
  #closed = false;

  private constructor(directory: string, wanwire: string) {
    this.directory = directory;
    this.#wanwire = wanwire;
  }

  /** A stage with nobody on it; `wanwire` is the path of the built command. */
  static async open(wanwire: string): Promise<World> {
    return new World(await mkdtemp(join(tmpdir(), 'wanwire-')), wanwire);
  }

  /** A path in {@link directory}. */
  path(name: string): string {
    return join(this.directory, name);
  }

  /** Who is on stage. */
  get players(): readonly Player[] {
    return [...this.#players.values()];
  }

  /** Start a process and wait until it says that it is ready; rejects with its last words when it ends before. */
  async start(role: Role): Promise<Player> {
    if (this.#closed) throw new Error(`${role.name}: the stage is closed`);
    const command =
      typeof role.command === 'string'
        ? [process.execPath, this.#wanwire, role.command]
        : role.command;
    const child = spawn(
      'env',
      [
        ...[
          '-i',
          path,
          ...Object.entries(role.env ?? {}).map(([name, value]) => `${name}=${value}`),
        ],
        ...['setpriv', '--pdeathsig', 'KILL', '--'],
        ...entering(role.namespace),
        ...command,
      ],
      // A Ctrl-C at the terminal is for the stage's owner, who ends the players in order.
      { stdio: ['ignore', 'pipe', 'pipe'], detached: true },
    );
    const player = play(role.name, child, this.#errands);
    this.#players.set(role.name, player);
    void player.ended.then(() => {
      if (this.#players.get(role.name) === player) this.#players.delete(role.name);
    });
    await ready(player, child);
    return player;
  }

  /** The player of that name; throws when it is not on stage. */
  player(name: string): Player {
    const player = this.#players.get(name);
    if (player === undefined) throw new Error(`${name} is not running`);
    return player;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await this.#errands.end();
    // The last come first: a client can still close its wires.
    for (const player of this.players.toReversed()) await player.end('SIGTERM');
    // Who was told to stop may still be writing a file there.
    await rm(this.directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }
}

/** Programs that run for a moment; a namespace lives as long as any of them is in it. */
class Errands {
  readonly #stop = new AbortController();
  readonly #running = new Set<Promise<unknown>>();

  async run(program: string, ...args: readonly string[]): Promise<string> {
    const running = exec(program, args, { signal: this.#stop.signal, killSignal: 'SIGKILL' });
    const gone = new Promise((resolve) => running.child.once('close', resolve));
    this.#running.add(gone);
    void gone.then(() => this.#running.delete(gone));
    return (await running).stdout;
  }

  /** Those under way are killed. */
  async end(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#running);
  }
}

function entering(namespace: Role['namespace']): readonly string[] {
  if (namespace === undefined) return [];
  if (namespace === 'own') return ['unshare', '--net', '--'];
  const path = 'netns' in namespace ? namespace.netns : `/proc/${String(namespace.pid)}/ns/net`;
  return ['nsenter', `--net=${path}`, '--'];
}

function play(name: string, child: ChildProcess, errands: Errands): Player {
  const pid = child.pid ?? 0;
  const lines: string[] = [];
  if (child.stderr !== null) {
    createInterface({ input: child.stderr }).on('line', (line) => {
      lines.push(line);
      if (lines.length > 40) lines.shift();
    });
  }
  const ended = new Promise<number | null>((resolve) => {
    child.once('exit', resolve);
    child.once('error', () => {
      resolve(null);
    });
  });
  return {
    name,
    pid,
    ended,
    log: () => lines.join('\n'),
    run: (program, ...args) =>
      errands.run('nsenter', `--net=/proc/${String(pid)}/ns/net`, program, ...args),
    async end(signal) {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      const late = setTimeout(() => child.kill('SIGKILL'), endWithinMs);
      const code = await ended;
      clearTimeout(late);
      return code;
    },
  };
}

/** Wait for the first line on stdout. */
async function ready(player: Player, child: ChildProcess): Promise<void> {
  if (child.stdout === null) throw new Error('no pipe');
  const out = createInterface({ input: child.stdout });
  const stop = new AbortController();
  const options = { signal: stop.signal };
  const failed = async (what: string): Promise<never> =>
    Promise.reject(new Error(`${player.name} ${what}:\n${player.log()}`));
  try {
    await Promise.race([
      once(out, 'line', options),
      player.ended.then(() => failed('ended before it was ready')),
      sleep(readyWithinMs, undefined, options).then(() => failed('was not ready in time')),
    ]);
  } finally {
    stop.abort();
    // Nobody reads on, and the child must not block on a full pipe.
    out.on('line', () => undefined);
  }
}
