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
      'machine connect to it. Where no SPIFFE agent is named, it is one: it gives identities by spec.identities of ' +
      'the site file. It keeps nothing on disk but its authority and imported bundles.',
    table,
    examples: [
      'wanwire manager',
      'NSM_LISTEN_ON=unix:///run/nsm.sock,tcp://127.0.0.1:5001 wanwire manager',
      'SPIFFE_ENDPOINT_SOCKET=unix:///run/spire/sockets/agent.sock wanwire manager',
    ],
    start: async (config, log, signal) =>
      (await import('../manager/main.js')).start(config, log, undefined, signal),
  });
}
