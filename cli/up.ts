// SPDX-License-Identifier: Apache-2.0
/** `wanwire up`: a site on this machine: manager, forwarder and endpoint in one command, supervised. */
import { Command } from 'commander';
import { pendingTimers, systemClock } from '../api/chain/clock.js';
import { ConfigError } from '../api/env/config-error.js';
import { environment, readEnvironment, type Reading } from '../api/env/read-environment.js';
import { processLogger, type Logger } from '../api/log/log.js';
import { SiteError } from '../api/site/site-error.js';
import { watchSiteFiles, type SiteWatch } from '../api/site/watch.js';
import { exitCodes } from './exit-codes.js';
import { live } from './live.js';
import { environmentHelp } from './process-command.js';
import { openBox } from './up/box.js';
import { launch } from './up/child.js';
import { table } from './up/config.js';

const examples = [
  'wanwire up -f site.yaml',
  'wanwire up -f site.yaml -f policy.yaml --directory /run/wanwire/edge-1',
];

/** Each process within it has its own limit. */
const closeWithinMs = 26_000;

interface Options {
  readonly file?: readonly string[];
  readonly directory?: string;
}

/** The subcommand. */
export function command(): Command {
  return new Command('up')
    .description(
      'Runs the site that the files describe: manager, forwarder and, where it is a gateway, ' +
        'endpoint, each a process that is started again when it dies. A changed file is applied ' +
        'without a restart; a wrong one changes nothing. Its wires stay when it ends. Needs root.',
    )
    .option('-f, --file <file>', 'a file of the site; may be given several times', also)
    .option('--directory <folder>', 'where sockets and state are (/run/wanwire/SITE)')
    .addHelpText('after', () => environmentHelp(table, examples))
    .action(async (options: Options) => {
      process.exit(await up(options));
    });
}

function also(file: string, before: readonly string[] = []): readonly string[] {
  return [...before, file];
}

async function up({ file, directory }: Options): Promise<number> {
  const env = {
    ...environment(),
    ...(directory === undefined ? {} : { WANWIRE_DIRECTORY: directory }),
  };
  const reading = read(env);
  if (reading === undefined) return exitCodes.config;
  const { config, warnings } = reading;
  const paths = file ?? config.WANWIRE_SITE_FILE;
  if (paths.length === 0) {
    process.stderr.write('wanwire up: which site? Give its file: wanwire up -f site.yaml\n');
    return exitCodes.usage;
  }
  const log = processLogger('up', config.NSM_LOG_LEVEL, () => ({ timers: pendingTimers() }));
  for (const warning of warnings) log.warn(warning);
  const found = await siteFiles(paths, log);
  if (found instanceof SiteError) {
    complain(found, 'nothing is started');
    return exitCodes.config;
  }
  using files = found;
  // Nothing else keeps us running while all processes have just died.
  const awake = setInterval(() => undefined, 2 ** 30);
  try {
    return await live({
      name: `site ${files.current.site.name}`,
      start: (signal) =>
        openBox(
          {
            paths,
            files,
            directory: config.WANWIRE_DIRECTORY,
            env,
            launch,
            clock: systemClock,
            log,
            complain: (reason) => {
              complain(reason, 'nothing is changed');
            },
          },
          signal,
        ),
      log,
      host: process,
      closeWithinMs,
    });
  } finally {
    clearInterval(awake);
  }
}

function read(env: ReturnType<typeof environment>): Reading<typeof table> | undefined {
  try {
    return readEnvironment(table, env);
  } catch (reason) {
    if (!(reason instanceof ConfigError)) throw reason;
    const mistakes = reason.message.replaceAll(/^/gm, '  ');
    process.stderr.write(
      `wanwire up: mistakes in the environment:\n${mistakes}\n${environmentHelp(table, examples)}\n`,
    );
    return undefined;
  }
}

async function siteFiles(paths: readonly string[], log: Logger): Promise<SiteWatch | SiteError> {
  const onMistakes = (reason: SiteError): void => {
    complain(reason, 'nothing is changed');
  };
  try {
    return await watchSiteFiles(paths, { log, clock: systemClock, onMistakes });
  } catch (reason) {
    if (reason instanceof SiteError) return reason;
    throw reason;
  }
}

/** For a person: all mistakes, one a line. */
function complain(reason: unknown, so: string): void {
  const text = reason instanceof Error ? reason.message : String(reason);
  const count = reason instanceof SiteError ? reason.mistakes.length : 1;
  const what = count === 1 ? 'a mistake' : `${String(count)} mistakes`;
  process.stderr.write(
    `wanwire up: ${what} in the site's files, ${so}:\n${text.replaceAll(/^/gm, '  ')}\n`,
  );
}
