// SPDX-License-Identifier: Apache-2.0
/** `wanwire trust`: the roots of a site, and which other sites it trusts. */
import { Command } from 'commander';
import { answer } from './plane/answer.js';
import { environmentHelp } from './process-command.js';
import { exportTrust, importTrust, removeTrust, rotateTrust } from './trust/change.js';
import { trustTable, withTrustOptions, type TrustOptions } from './trust/folder.js';
import { listTrust, showTrust, type ShowOptions } from './trust/show.js';

/** The subcommand. */
export function command(): Command {
  const trust = new Command('trust')
    // Before its own subcommands are made: they take it over.
    .exitOverride()
    .showHelpAfterError('(wanwire trust --help tells more)')
    .description(
      'The trust domain of a site and those that it trusts: two sites accept each other once each has the ' +
        "other's bundle. For sites with an authority of their own; docs/identity.md tells how.",
    )
    .addHelpText('after', () =>
      environmentHelp(trustTable, [
        'sudo wanwire trust export -f site.yaml > edge.json',
        'sudo wanwire trust import -f site.yaml cloud.json',
        'sudo wanwire trust list',
        'sudo wanwire trust rotate --after 24h',
      ]),
    );
  withTrustOptions(trust.command('show'))
    .description("This site's own roots, and the names of the trust domains that it trusts.")
    .option('--json', 'one JSON object')
    .action((options: ShowOptions) => answer(() => showTrust(options)));
  withTrustOptions(trust.command('export'))
    .description("This site's bundle, to be imported by others: a SPIFFE bundle in JSON.")
    .option('--pem', 'certificates in PEM instead')
    .option('-o, --output <file>', 'into this file')
    .action((options: Parameters<typeof exportTrust>[0]) => answer(() => exportTrust(options)));
  withTrustOptions(trust.command('import'))
    .description(
      'Trust another site, by its bundle. An earlier one of its trust domain is replaced.',
    )
    .argument(
      '<bundle>',
      'a file with a SPIFFE bundle (JSON) or certificates (PEM); - is standard input',
    )
    .option('--domain <domain>', 'its trust domain, where its certificates do not name it')
    .action((path: string, options: Parameters<typeof importTrust>[1]) =>
      answer(() => importTrust(path, options)),
    );
  withTrustOptions(trust.command('list'))
    .description('The trust domains that this site trusts, until when and why.')
    .option('--json', 'one JSON object a line')
    .action((options: ShowOptions) => answer(() => listTrust(options)));
  withTrustOptions(trust.command('remove'))
    .description(
      'Trust an imported trust domain no more: it gets no new Request, and its connections end.',
    )
    .argument('<domain>', 'the trust domain')
    .action((domain: string, options: TrustOptions) => answer(() => removeTrust(domain, options)));
  withTrustOptions(trust.command('rotate'))
    .description(
      'Make a new root. It is in the bundle at once and signs later, so that other sites can import it before; the old one stays until its last certificate has ended.',
    )
    .option('--after <duration>', 'when it begins to sign', '24h')
    .action((options: Parameters<typeof rotateTrust>[0]) => answer(() => rotateTrust(options)));
  return trust;
}
