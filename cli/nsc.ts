// SPDX-License-Identifier: Apache-2.0
/** `wanwire nsc`. */
import type { Command } from 'commander';
import { table } from '../nsc-sidecar/config.js';
import { processCommand } from './process-command.js';

/** The subcommand. */
export function command(): Command {
  return processCommand({
    name: 'nsc',
    description:
      'A client: asks for wires into the network namespace this process runs in, keeps them alive, ' +
      'moves them to another endpoint when theirs is gone, and closes them at SIGTERM.',
    table,
    examples: [
      'NSM_NETWORK_SERVICES=kernel://hello/nsm-1?app=blue wanwire nsc',
      'NSM_NETWORK_SERVICES=kernel://a/nsm-1,kernel://b/nsm-2 wanwire nsc',
    ],
    start: async (config, log, signal) =>
      (await import('../nsc-sidecar/main.js')).start(config, log, { signal }),
  });
}
