// SPDX-License-Identifier: Apache-2.0
/** `wanwire lab`: sites in network namespaces, and WAN links between them. */
import { Command } from 'commander';
import { template } from '../lab/default.js';
import { changeLink, type SetOptions } from './lab/change.js';
import { checkLinks, type CheckOptions } from './lab/check.js';
import { downCommand, type DownOptions } from './lab/down.js';
import { execIn } from './lab/exec.js';
import { answer } from './lab/answer.js';
import { showStatus, type StatusOptions } from './lab/status.js';
import { upCommand, type LabUpOptions } from './lab/up.js';

/** The subcommand. */
export function command(): Command {
  const lab = new Command('lab')
    // Before its own subcommands are made: they take it over.
    .exitOverride()
    .showHelpAfterError('(wanwire lab --help tells more)')
    .enablePositionalOptions()
    .description(
      'A WAN on this machine: sites as network namespaces, a node each, and links between them that ' +
        'can be made slow, lossy or dead while they run. It stays until it is taken down.',
    )
    .addHelpText('after', `\n${examples}`);
  named(lab.command('up'))
    .description('Make a lab: edge and cloud with two plain links, or what a file says.')
    .option('--file <path>', 'a lab in YAML; `wanwire lab template` prints one')
    .action((options: LabUpOptions) => answer(() => upCommand(options)));
  named(lab.command('status'))
    .description('Its links and namespaces as they are now.')
    .option('--json', 'one JSON object')
    .action((options: StatusOptions) => answer(() => showStatus(options)));
  addSet(named(lab.command('set')));
  named(lab.command('exec'))
    .description('Run a program in a namespace; its exit code is passed on.')
    .argument('<place>', 'a site (edge), or who is there (edge/client)')
    .argument('<command...>', 'after --')
    .passThroughOptions()
    .action((place: string, words: string[], { name }: { readonly name?: string }) =>
      answer(() => execIn(place, words, name)),
    );
  named(lab.command('check'))
    .description(
      'Measure what the links really do, against what was set. Exits with 1 if it differs.',
    )
    .argument('[link...]', 'only these, such as edge/wan0')
    .option('--json', 'one JSON object')
    .action((links: string[], options: CheckOptions) => answer(() => checkLinks(links, options)));
  lab
    .command('down')
    .option('--name <name>', 'which lab: by default the one called default')
    .description(
      'Take it away, whatever state it is in; programs that still run in its namespaces are ended.',
    )
    .option('--all', 'every lab there is')
    .action((options: DownOptions) => answer(() => downCommand(options)));
  lab
    .command('template')
    .description('Print the default lab as a file to begin with.')
    .action(() => {
      process.stdout.write(template);
    });
  return lab;
}

const examples = `Examples:
  sudo wanwire lab up
  sudo wanwire lab set edge/wan1 --delay 80ms --jitter 5ms --loss 5% --rate 20mbit
  sudo wanwire lab set edge/wan1 --down --toward cloud
  sudo wanwire lab exec edge -- ping -c 3 203.0.113.10
  sudo wanwire lab check
  sudo wanwire lab down`;

function named(command: Command): Command {
  return command.option(
    '--name <name>',
    'which lab: by default the one called default, or the only one',
  );
}

function addSet(command: Command): void {
  command
    .description(
      'Change a link while it runs: delay, jitter and loss are one way, and hold both ways unless ' +
        '--toward is given. What is not given stays.',
    )
    .argument('<link>', 'a site and its device, such as edge/wan1')
    .option('--delay <time>', 'such as 80ms; none')
    .option('--jitter <time>', 'by how much the delay varies; packets keep their order')
    .option('--loss <percent>', 'such as 5%; none')
    .option('--rate <rate>', 'such as 20mbit; none')
    .option('--mtu <bytes>', 'of the devices at both ends')
    .option(
      '--down',
      'pull the cable: the devices lose their carrier; with --toward, lose everything that way, unnoticed',
    )
    .option('--up', 'mend it')
    .option('--plain', 'no delay, jitter, loss and rate, and mended')
    .option(
      '--toward <where>',
      'only this way: the other site (or network), or the own site for what comes in',
    )
    .action((link: string, options: SetOptions) => answer(() => changeLink(link, options)));
}
