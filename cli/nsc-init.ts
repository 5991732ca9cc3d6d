// SPDX-License-Identifier: Apache-2.0
/** `wanwire nsc-init`. */
import type { Command } from 'commander';
import { table } from '../nsc-sidecar/init-config.js';
import { processCommand } from './process-command.js';

/** The subcommand. */
export function command(): Command {
  return processCommand({
    name: 'nsc-init',
    description:
      'A client for the init container of a pod: asks for all wires, again and again until they are up, ' +
      'and ends without closing them. `wanwire nsc` with the same NSM_NAME takes them over.',
    table,
    examples: [
      'NSM_NAME=web-1 NSM_NETWORK_SERVICES=kernel://hello/nsm-1 wanwire nsc-init && NSM_NAME=web-1 NSM_NETWORK_SERVICES=kernel://hello/nsm-1 wanwire nsc',
    ],
    start: async (config, log, signal) =>
      (await import('../nsc-sidecar/init.js')).start(config, log, { signal }),
  });
}
