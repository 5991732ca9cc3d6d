// SPDX-License-Identifier: Apache-2.0
/** `wanwire policy`: look at policies before they are in force, put them in force, forget them. */
import { Command } from 'commander';
import { answer } from './plane/answer.js';
import { planeTable, withNodeOptions } from './plane/node.js';
import { applyPolicies, listPolicies, type PolicyOptions, removePolicy } from './policy/apply.js';
import { checkPolicies } from './policy/check.js';
import { explainPolicy, type ExplainOptions } from './policy/explain.js';
import { environmentHelp } from './process-command.js';

/** The subcommand. */
export function command(): Command {
  const policy = new Command('policy')
    // Before its own subcommands are made: they take it over.
    .exitOverride()
    .showHelpAfterError('(wanwire policy --help tells more)')
    .description(
      'Steering policies: which session goes over which class of links. docs/policy.md tells how to write one.',
    )
    .addHelpText('after', () =>
      environmentHelp(planeTable, [
        'wanwire policy check site.yaml policy.yaml',
        'wanwire policy explain site.yaml --dscp ef --protocol udp --to 10.60.0.10 --to-port 5060',
        'sudo wanwire policy apply policy.yaml',
        'sudo wanwire policy list',
      ]),
    );
  addLooks(policy);
  addChanges(policy);
  return policy;
}

/** Need no forwarder. */
function addLooks(policy: Command): void {
  policy
    .command('check')
    .description(
      'Whether files are right, and what their policies say. With a Site among them also whether it has the links.',
    )
    .argument('<files...>', 'YAML files, taken as one whole')
    .option('--json', 'one JSON object')
    .action((files: readonly string[], options: { readonly json?: boolean }) =>
      answer(() => checkPolicies(files, options)),
    );
  const collect = (label: string, before: readonly string[] = []) => [...before, label];
  policy
    .command('explain')
    .description('Which rule and class a session gets, and why not another.')
    .argument('<files...>', 'YAML files, taken as one whole')
    .option('--service <name>', 'of a wire for this service; the first one where not given')
    .option('--dscp <value>', 'ef, af11, cs1, 0 to 63; be where not given')
    .option('--protocol <protocol>', 'tcp, udp, icmp, ... or a number; tcp where not given')
    .option('--from <address>', 'source')
    .option('--from-port <port>', 'source port')
    .option('--to <address>', 'destination')
    .option('--to-port <port>', 'destination port')
    .option('--label <name=value>', 'a label of the client; may be given several times', collect)
    .option('--identity <SPIFFE ID>', 'the SPIFFE ID of the client')
    .option('--json', 'one JSON object')
    .action((files: readonly string[], options: ExplainOptions) =>
      answer(() => explainPolicy(files, options)),
    );
}

/** Ask a running forwarder. */
function addChanges(policy: Command): void {
  withNodeOptions(policy.command('apply'))
    .description(
      'Put the policies of a file in force, all at once: no packet sees half of it, and no session is cut.',
    )
    .argument('<policy.yaml>', 'a file of policies; - is standard input')
    .option('--json', 'one JSON object')
    .action((file: string, options: PolicyOptions) => answer(() => applyPolicies(file, options)));
  withNodeOptions(policy.command('list'))
    .description('The policies in force, and where each is from.')
    .option('--json', 'one JSON object')
    .action((options: PolicyOptions) => answer(() => listPolicies(options)));
  withNodeOptions(policy.command('remove'))
    .description("Forget an applied policy: the site file's own, if it has one, is in force again.")
    .argument('<name>', 'of the policy')
    .option('--json', 'one JSON object')
    .action((name: string, options: PolicyOptions) => answer(() => removePolicy(name, options)));
}
