// SPDX-License-Identifier: Apache-2.0
/** `wanwire links`: how a forwarder's links and strands are, and why. */
import { Command } from 'commander';
import { readSiteFiles } from '../api/site/read.js';
import { paint } from './paint.js';
import { answer } from './plane/answer.js';
import { lookAtQuality } from './plane/look-at-quality.js';
import { chooseNode, planeTable, withNodeOptions, type NodeOptions } from './plane/node.js';
import type { QualityReading } from './plane/quality.js';
import { qualityJson, qualityLines } from './plane/quality-view.js';
import { show, withWatchOptions, type WatchOptions } from './plane/watch.js';
import { environmentHelp } from './process-command.js';

/** The subcommand. */
export function command(): Command {
  const bare = new Command('links').description(
    "A forwarder's WAN links and strands: round trip, jitter, loss, state, since when and why; what " +
      'they carry of what they can; which SLA is broken. While it does not run, what its prober and ' +
      'the pinned maps say; -f then tells declared rates and caps.',
  );
  return withWatchOptions(withNodeOptions(bare))
    .addHelpText('after', () =>
      environmentHelp(planeTable, [
        'sudo wanwire links --watch',
        'sudo wanwire links --rate --json',
        'sudo wanwire links --json | jq ".strands[] | [.name, .quality.state, .quality.why]"',
      ]),
    )
    .action((options: NodeOptions & WatchOptions) =>
      answer(async () => {
        const node = await chooseNode(options);
        const site = options.file && (await readSiteFiles(options.file)).site;
        const colours = paint(process.stdout);
        await show<QualityReading>(
          {
            read: () => lookAtQuality(node, site),
            text: (now, before) => `${qualityLines(colours, now, before).join('\n')}\n`,
            json: qualityJson,
          },
          options,
        );
      }),
    );
}
