// SPDX-License-Identifier: Apache-2.0
/** `wanwire node-agent`. */
import type { Command } from 'commander';
import { table } from '../node-agent/config.js';
import { processCommand } from './process-command.js';

/** The subcommand. */
export function command(): Command {
  return processCommand({
    name: 'node-agent',
    description:
      'On each node of a Kubernetes cluster: writes the Site, the policies and the services that concern ' +
      'the node as files for its other processes, and tells of their links and wires in the status of ' +
      'objects, in Events and as Wires.',
    table,
    examples: ['NODE_NAME=worker-1 wanwire node-agent'],
    start: async (config, log, signal) =>
      (await import('../node-agent/main.js')).start(config, log, signal),
  });
}
