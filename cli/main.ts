#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
/** The `wanwire` command. Only the subcommand that is asked for is loaded, so that help is quick. */
import { Command, CommanderError } from 'commander';
import { ConfigError } from '../api/env/config-error.js';
import { version } from '../api/version.js';
import { exitCodes } from './exit-codes.js';
import { subcommands } from './subcommands.js';

// Whoever read the output has had enough of it, such as `head`.
let isRead = true;
process.stdout.on('error', (reason: NodeJS.ErrnoException) => {
  if (reason.code !== 'EPIPE') throw reason;
  // What has to be tidied up is, as when it is told to end.
  if (process.listenerCount('SIGTERM') === 0) process.exit(exitCodes.unread);
  if (isRead) process.kill(process.pid, 'SIGTERM');
  isRead = false;
});

const program = new Command('wanwire')
  .description('WAN links as network services.')
  .version(version)
  .showHelpAfterError('(wanwire --help tells more)')
  .addHelpText('after', '\n`wanwire COMMAND --help` lists the environment variables of COMMAND.')
  .exitOverride();
const asked = process.argv[2] === 'help' ? process.argv[3] : process.argv[2];
for (const [name, { summary, load }] of Object.entries(subcommands)) {
  const command = name === asked ? (await load()).command() : new Command(name);
  program.addCommand(command.summary(summary).copyInheritedSettings(program));
}
try {
  await program.parseAsync();
} catch (reason) {
  process.exitCode = exitCodeOf(reason);
}

function exitCodeOf(reason: unknown): number {
  if (reason instanceof CommanderError) return reason.exitCode === 0 ? 0 : exitCodes.usage;
  const known = reason instanceof ConfigError ? exitCodes.config : undefined;
  const text = reason instanceof Error ? (known ? reason.message : reason.stack) : String(reason);
  process.stderr.write(`wanwire: ${text ?? ''}\n`);
  return known ?? exitCodes.internal;
}
