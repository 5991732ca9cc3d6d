// SPDX-License-Identifier: Apache-2.0
/** `wanwire manager`. */
import type { Command } from 'commander';
import { table } from '../manager/config.js';
import { processCommand } from './process-command.js';

/** The subcommand. */
export function command(): Command {
  return processCommand({
    name: 'manager',
    description:
      'NSM manager (nsmgr) and registry in one process: clients, endpoints and the forwarder of a ' +
      'machine connect to it. It keeps nothing on disk.',
    table,
    examples: [
      'WANWIRE_INSECURE=true wanwire manager',
      'WANWIRE_INSECURE=true NSM_LISTEN_ON=unix:///run/nsm.sock,tcp://127.0.0.1:5001 wanwire manager',
    ],
    start: async (config, log) => (await import('../manager/main.js')).start(config, log),
  });
}
