// SPDX-License-Identifier: Apache-2.0
/**
 * The subcommand of a process: reads the environment, starts it, says that it
 * is ready, and closes it at SIGTERM or SIGINT. A wrong environment is told
 * with the usage on stderr.
 */
import { Command } from 'commander';
import { pendingTimers } from '../api/chain/clock.js';
import type { common, probed } from '../api/env/common.js';
import { ConfigError } from '../api/env/config-error.js';
import { readEnvironment } from '../api/env/read-environment.js';
import type { Table, Values } from '../api/env/table.js';
import { helpTable } from '../api/env/usage.js';
import type { Logger } from '../api/log/log.js';
import { exitCodes } from './exit-codes.js';
import { live, type Running } from './live.js';

type Named = typeof common & { readonly NSM_NAME: Table[string] };

/** What makes a process a subcommand. */
export interface Process<T extends Table> {
  readonly name: string;
  /** A few sentences for its help. */
  readonly description: string;
  /** Its `config.ts`. */
  readonly table: T;
  /** Command lines for its help. */
  readonly examples: readonly string[];
  /** Starts it; imports the process only then. `signal` ends a start that takes its time. */
  readonly start: (config: Values<T>, log: Logger, signal: AbortSignal) => Promise<Running>;
}

/** The subcommand of `about`. */
export function processCommand<T extends Table & Named>(about: Process<T>): Command {
  return new Command(about.name)
    .description(about.description)
    .addHelpText('after', () => environmentHelp(about.table, about.examples))
    .action(async () => {
      process.exit(await run(about));
    });
}

/** The part of a help that tells the environment and gives examples. */
export function environmentHelp(table: Table, examples: readonly string[]): string {
  const columns = process.stdout.columns;
  return [
    '\nEnvironment (default in brackets):',
    helpTable(table, Math.min(columns > 40 ? columns : 80, 100)),
    '\nExamples:',
    ...examples.map((example) => `  ${example}`),
  ].join('\n');
}

async function run<T extends Table & Named>(about: Process<T>): Promise<number> {
  const reading = read(about);
  if (reading === undefined) return exitCodes.config;
  const { config, warnings } = reading;
  const { processLogger } = await import('../api/log/log.js');
  // The compiler does not look into Values of a type parameter.
  const { NSM_NAME: name, NSM_LOG_LEVEL: level } = config as Values<typeof common> & {
    readonly NSM_NAME: string;
  };
  const log = processLogger(name, level, () => ({ timers: pendingTimers() }));
  for (const warning of warnings) log.warn(warning);
  using probe = new Probe(about.name, config as Partial<Values<typeof probed>>);
  return await live({
    name: about.name === name ? name : `${about.name} ${name}`,
    start: async (signal) => {
      await probe.listen();
      signal.addEventListener('abort', () => probe.ends(), { once: true });
      const running = await about.start(config, log, signal);
      probe.follows(running);
      return running;
    },
    log,
    host: process,
  });
}

/** Answers probes of the process, from before it starts until it has closed. */
class Probe implements Disposable {
  readonly #name: string;
  readonly #url: string | undefined;
  #answering: Disposable | undefined;
  #trouble = (): string | undefined => 'it is starting';

  constructor(name: string, { WANWIRE_PROBE_LISTEN_ON: url }: Partial<Values<typeof probed>>) {
    this.#name = name;
    this.#url = url;
  }

  async listen(): Promise<void> {
    const url = this.#url;
    if (url === undefined) return;
    const { answerProbes } = await import('../api/probe/probe.js');
    const trouble = (): string | undefined => this.#trouble();
    this.#answering = await answerProbes({ url, name: this.#name, trouble });
  }

  follows(running: Running): void {
    this.#trouble = running.trouble ?? (() => undefined);
  }

  ends(): void {
    this.#trouble = () => 'it is ending';
  }

  [Symbol.dispose](): void {
    this.#answering?.[Symbol.dispose]();
  }
}

function read<T extends Table>({ name, table, examples }: Process<T>) {
  try {
    return readEnvironment(table);
  } catch (reason) {
    if (!(reason instanceof ConfigError)) throw reason;
    const count = reason.mistakes.length;
    const what = count === 1 ? 'a mistake' : `${String(count)} mistakes`;
    const mistakes = reason.message.replaceAll(/^/gm, '  ');
    process.stderr.write(
      `wanwire ${name}: ${what} in the environment:\n${mistakes}\n${environmentHelp(table, examples)}\n`,
    );
    return undefined;
  }
}
