// SPDX-License-Identifier: Apache-2.0
/** `wanwire links`: a forwarder's links and strands, read from its pinned maps. */
import { Command } from 'commander';
import { paint } from './paint.js';
import { answer } from './plane/answer.js';
import { linksJson, linksLines, type LinksReading } from './plane/links-view.js';
import { look } from './plane/look.js';
import { chooseNode, planeTable, withNodeOptions, type NodeOptions } from './plane/node.js';
import { show, withWatchOptions, type WatchOptions } from './plane/watch.js';
import { environmentHelp } from './process-command.js';

/** The subcommand. */
export function command(): Command {
  const bare = new Command('links').description(
    "A forwarder's WAN links and strands: state, addresses, counters. Read from the pinned maps, so " +
      'also while it does not run.',
  );
  return withWatchOptions(withNodeOptions(bare))
    .addHelpText('after', () =>
      environmentHelp(planeTable, [
        'sudo wanwire links --watch',
        'sudo wanwire links --rate --json',
      ]),
    )
    .action((options: NodeOptions & WatchOptions) =>
      answer(async () => {
        const node = await chooseNode(options);
        const colours = paint(process.stdout);
        const read = (): LinksReading =>
          look(node, (_maps, reading) => ({ reading, atMs: performance.now() }));
        await show<LinksReading>(
          {
            read,
            text: (now, before) => `${linksLines(colours, now, before).join('\n')}\n`,
            json: linksJson,
          },
          options,
        );
      }),
    );
}
