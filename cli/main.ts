#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
/** The `wanwire` command. Only the subcommand that is asked for is loaded, so that help is quick. */
import { Command, CommanderError } from 'commander';
import { ConfigError } from '../api/env/config-error.js';
import { version } from '../api/version.js';
import { exitCodes } from './exit-codes.js';

interface Subcommand {
  readonly summary: string;
  readonly load: () => Promise<{ command(): Command }>;
}

const subcommands: Readonly<Record<string, Subcommand>> = {
  up: {
    summary: 'a site on this machine: manager, forwarder and endpoint in one command',
    load: () => import('./up.js'),
  },
  manager: {
    summary: 'nsmgr and registry in one process, for a machine without NSM',
    load: () => import('./manager.js'),
  },
  forwarder: {
    summary: 'builds the wires of a machine: interfaces, addresses, routes',
    load: () => import('./forwarder.js'),
  },
  nse: {
    summary: 'an endpoint: provides network services',
    load: () => import('./nse.js'),
  },
  nsc: {
    summary: 'a client: asks for wires and keeps them',
    load: () => import('./nsc.js'),
  },
  status: {
    summary: 'links, strands, wires and rules of a forwarder, also while it does not run',
    load: () => import('./status.js'),
  },
  links: {
    summary: 'WAN links and strands, and what they carry',
    load: () => import('./links.js'),
  },
  sessions: {
    summary: 'which session runs on which strand',
    load: () => import('./sessions.js'),
  },
  pin: {
    summary: 'puts a session on a strand, in mid-flow',
    load: () => import('./pin.js'),
  },
  unpin: {
    summary: 'lets the policy choose again',
    load: async () => ({ command: (await import('./pin.js')).unpinCommand }),
  },
  strand: {
    summary: 'up, down, list: the operator’s hand on a strand',
    load: () => import('./strand.js'),
  },
  policy: {
    summary: 'check, explain, apply: which session goes over which links',
    load: () => import('./policy.js'),
  },
  find: {
    summary: 'what is registered: services or endpoints',
    load: () => import('./find.js'),
  },
  monitor: {
    summary: 'the wires of this machine and what happens to them',
    load: () => import('./monitor.js'),
  },
  lab: {
    summary: 'a WAN of network namespaces on this machine, with links to shape and break',
    load: () => import('./lab.js'),
  },
  demo: {
    summary: 'a whole wire on this machine, from nothing to nothing',
    load: () => import('./demo.js'),
  },
  doctor: {
    summary: 'what this machine has and lacks',
    load: () => import('./doctor.js'),
  },
};

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
