// SPDX-License-Identifier: Apache-2.0
/** A module of ours in a process of its own, in a namespace of a test's: what works in its own namespace cannot be told another. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';

/** What the process is asked, and what it answers. */
export interface Asked {
  readonly n: number;
  readonly call: string;
  readonly args: readonly unknown[];
}

/** See {@link Asked}; news come without being asked for. */
export type Said =
  | { readonly n: number; readonly value: unknown }
  | { readonly n: number; readonly error: { readonly name: string; readonly message: string } }
  | { readonly news: unknown };

/** One such process. */
export interface Inside<News> {
  readonly pid: number;
  /** Call a function of the module; rejects as it did. */
  call(name: string, ...args: readonly unknown[]): Promise<unknown>;
  /** All it told so far. */
  readonly news: readonly News[];
  /** Wait until what it told last fits. */
  until(what: string, fits: (last: News) => boolean): Promise<News>;
  /** kill -9, or end by itself; once more does nothing. */
  end(signal?: NodeJS.Signals): Promise<void>;
}

const patienceMs = 60_000;

/** Start `module` (of this folder) inside; it ends with the test. */
export async function inside<News>(t: Test, path: string, module: string): Promise<Inside<News>> {
  const script = fileURLToPath(new URL(module, import.meta.url));
  const args = [`--net=${path}`, process.execPath, ...process.execArgv, script];
  const child = spawn('nsenter', args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const ended = once(child, 'exit');
  const end = async (signal: NodeJS.Signals = 'SIGKILL'): Promise<void> => {
    child.kill(signal);
    await ended;
  };
  t.teardown(() => end());
  const [first] = (await Promise.race([once(child, 'message'), ended])) as unknown[];
  if (first !== 'ready') throw new Error(`${module} ended with ${String(first)}`);
  return { pid: child.pid ?? 0, end, ...conversation<News>(child) };
}

function conversation<News>(child: ChildProcess): Omit<Inside<News>, 'pid' | 'end'> {
  const asked = new Map<number, (said: Said) => void>();
  const news: News[] = [];
  const waiting = new Set<() => void>();
  let n = 0;
  child.on('message', (said: Said) => {
    if ('n' in said) return asked.get(said.n)?.(said);
    news.push(said.news as News);
    for (const look of waiting) look();
  });
  return {
    news,
    async call(name, ...args) {
      const said = await new Promise<Said>((resolve) => {
        asked.set(++n, resolve);
        child.send({ n, call: name, args } satisfies Asked);
      });
      if ('error' in said) throw Object.assign(new Error(said.error.message), said.error);
      return 'value' in said ? said.value : undefined;
    },
    until: (what, fits) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          waiting.delete(look);
          reject(new Error(`waited for ${what}; the last was ${JSON.stringify(news.at(-1))}`));
        }, patienceMs);
        const look = (): void => {
          const last = news.at(-1);
          if (last === undefined || !fits(last)) return;
          clearTimeout(timer);
          waiting.delete(look);
          resolve(last);
        };
        waiting.add(look);
        look();
      }),
  };
}

/** For the module inside: answer by these functions, until the parent is gone. */
export function answering(
  functions: Readonly<Record<string, (...args: never[]) => unknown>>,
): (news: unknown) => void {
  const say = (said: Said | 'ready'): void => void process.send?.(said);
  process.on('message', ({ n, call, args }: Asked) => {
    const run = async (): Promise<unknown> => functions[call]?.(...(args as never[]));
    run().then(
      (value) => {
        say({ n, value });
      },
      (reason: unknown) => {
        const { name, message } = reason instanceof Error ? reason : new Error(String(reason));
        say({ n, error: { name, message } });
      },
    );
  });
  process.on('disconnect', () => process.exit());
  say('ready');
  return (news) => {
    say({ news });
  };
}
