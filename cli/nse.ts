// SPDX-License-Identifier: Apache-2.0
/** `wanwire nse`. */
import type { Command } from 'commander';
import { table } from '../nse/config.js';
import { processCommand } from './process-command.js';

/** The subcommand. */
export function command(): Command {
  return processCommand({
    name: 'nse',
    description:
      'An endpoint: registers network services and gives each client an interface with addresses. ' +
      'The interface is made in the network namespace this process runs in.',
    table,
    examples: [
      'NSM_NAME=blue NSM_SERVICE_NAMES=hello NSM_LABELS=app:blue wanwire nse',
      "NSM_CIDR_PREFIX='[172.16.0.0/16],[2001:db8::/64]' wanwire nse",
    ],
    start: async (config, log, signal) =>
      (await import('../nse/main.js')).start(config, log, signal),
  });
}
