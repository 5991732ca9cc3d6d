// SPDX-License-Identifier: Apache-2.0
/** `wanwire forwarder`. */
import type { Command } from 'commander';
import { table } from '../forwarder/config.js';
import { processCommand } from './process-command.js';

/** The subcommand. */
export function command(): Command {
  return processCommand({
    name: 'forwarder',
    description:
      'Builds the wires of this machine: interfaces in the network namespaces of clients and ' +
      'endpoints. Needs root. After a crash it takes over the wires it finds.',
    table,
    examples: ['NSM_CONNECT_TO=unix:///var/lib/networkservicemesh/nsm.io.sock wanwire forwarder'],
    start: async (config, log, signal) =>
      (await import('../forwarder/main.js')).start(config, log, signal),
  });
}
