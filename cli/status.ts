// SPDX-License-Identifier: Apache-2.0
/** `wanwire status`: a forwarder's WAN side, read from its pinned maps, or what a Kubernetes cluster knows. */
import { Command } from 'commander';
import type { KubeOptions } from './kube/status.js';
import { paint } from './paint.js';
import { answer } from './plane/answer.js';
import { lookAtAll } from './plane/look.js';
import { chooseNode, planeTable, withNodeOptions, type NodeOptions } from './plane/node.js';
import { statusJson, statusLines } from './plane/status-view.js';
import { show, withWatchOptions, type WatchOptions } from './plane/watch.js';
import { environmentHelp } from './process-command.js';

/** The subcommand. */
export function command(): Command {
  const bare = new Command('status').description(
    "A forwarder's WAN side: links, strands, wires, rules, pins and what was dropped, and whether its " +
      'process runs. Read from the pinned maps, so also while it does not.',
  );
  return withWatchOptions(withNodeOptions(bare))
    .option('--kube', 'of a Kubernetes cluster: nodes, sites, links, policies, wires of pods')
    .option('--kubeconfig <file>', 'with --kube: KUBECONFIG or ~/.kube/config where not given')
    .option('--context <name>', "with --kube: the file's current one where not given")
    .option('--namespace <name>', 'with --kube: only wires of its pods')
    .addHelpText('after', () =>
      environmentHelp(planeTable, [
        'sudo wanwire status',
        'sudo wanwire status --json | jq .strands',
        'wanwire status --kube --watch',
      ]),
    )
    .action((options: NodeOptions & WatchOptions & KubeOptions) =>
      answer(async () => {
        if (options.kube === true) {
          await (await import('./kube/status.js')).kubeStatus(options);
          return;
        }
        const node = await chooseNode(options);
        const colours = paint(process.stdout);
        const read = () => lookAtAll(node);
        const text: Parameters<typeof show<Awaited<ReturnType<typeof read>>>>[0]['text'] = (
          now,
          before,
        ) => `${statusLines(colours, now, before).join('\n')}\n`;
        await show({ read, text, json: statusJson }, options);
      }),
    );
}
