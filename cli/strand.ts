// SPDX-License-Identifier: Apache-2.0
/** `wanwire strand`: the operator's hand on a strand, and their names. */
import { Command } from 'commander';
import { z } from 'zod';
import { paint } from './paint.js';
import { answer } from './plane/answer.js';
import { chooseStrand } from './plane/choose.js';
import { openDesk } from './plane/desk.js';
import { linksJson, strandLines, type LinksReading } from './plane/links-view.js';
import { look } from './plane/look.js';
import { chooseNode, planeTable, withNodeOptions, type NodeOptions } from './plane/node.js';
import { environmentHelp } from './process-command.js';

/** The subcommand. */
export function command(): Command {
  const strand = new Command('strand')
    // Before its own subcommands are made: they take it over.
    .exitOverride()
    .showHelpAfterError('(wanwire strand --help tells more)')
    .description(
      'Strands: one tunnel each between a link of this node and a link of another. A strand that an ' +
        'operator took down stays down, also when the forwarder starts anew, until it is put up.',
    )
    .addHelpText('after', () =>
      environmentHelp(planeTable, [
        'sudo wanwire strand list',
        'sudo wanwire strand down fibre-cloud/wan0',
        'sudo wanwire strand up fibre-cloud/wan0',
      ]),
    );
  for (const [word, up] of [
    ['up', true],
    ['down', false],
  ] as const) {
    const what = up ? 'Let sessions use it again' : 'Let no session use it';
    withNodeOptions(strand.command(word).description(`${what}.`))
      .argument('<name>', 'such as fibre-cloud/wan0')
      .action((name: string, options: NodeOptions) => answer(() => set(name, up, options)));
  }
  withNodeOptions(strand.command('list').description('Their names, states and counters.'))
    .option('--json', 'one JSON object')
    .action((options: NodeOptions & { readonly json?: boolean }) => answer(() => list(options)));
  return strand;
}

async function set(name: string, up: boolean, options: NodeOptions): Promise<void> {
  const { node, plane, ask } = await openDesk(options);
  chooseStrand(plane, name);
  const path = `/strands/${encodeURIComponent(name)}`;
  await ask({ method: 'POST', path, body: { up } }, z.object({}));
  const { down } = chooseStrand(
    look(node, (_maps, reading) => reading.plane),
    name,
  );
  const still = up && down.length > 0 ? `, but cannot be used yet (${down.join(', ')})` : '';
  process.stdout.write(`strand ${name} is ${up ? 'up' : 'down'}${still}\n`);
}

async function list({ json = false, ...options }: NodeOptions & { readonly json?: boolean }) {
  const node = await chooseNode(options);
  const now = look(node, (_maps, reading): LinksReading => ({ reading, atMs: performance.now() }));
  const lines = json ? [JSON.stringify(linksJson(now))] : strandLines(paint(process.stdout), now);
  process.stdout.write(`${lines.join('\n')}\n`);
}
