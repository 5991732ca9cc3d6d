// SPDX-License-Identifier: Apache-2.0
/** `wanwire demo`: a story on this machine, from nothing to nothing. */
import { Argument, Command, InvalidArgumentError } from 'commander';
import { fileURLToPath } from 'node:url';
import { abortReason } from '../api/chain/clock.js';
import { World } from '../lab/world.js';
import { Dialer } from './demo/identity.js';
import { Cluster } from './demo/kube/cluster.js';
import { kubeStory } from './demo/kube/play.js';
import { localStory } from './demo/local.js';
import { playMesh, type MeshOptions } from './demo/mesh/play.js';
import { screen, type Screen } from './demo/screen.js';
import { Sites, slowLab } from './demo/sites.js';
import { story } from './demo/steered.js';
import { unlessStopped } from './demo/unless-stopped.js';
import { exitCodes } from './exit-codes.js';
import { paint } from './paint.js';

const wanwire = fileURLToPath(import.meta.resolve('#wanwire'));

interface Options extends Omit<MeshOptions, 'wanwire' | 'signal'> {
  readonly json: boolean;
}

type Play = (shown: Screen, options: Options, signal: AbortSignal) => Promise<void>;

const stories: Readonly<Record<string, Play>> = {
  mesh: (_shown, options, signal) => playMesh({ ...options, wanwire, signal }),
  links: (shown, _options, signal) => playLinks(shown, signal),
  local: (shown, _options, signal) => playLocal(shown, signal),
  kube: (shown, _options, signal) => playKube(shown, signal),
};

/** The subcommand. */
export function command(): Command {
  return new Command('demo')
    .description(
      'A story in network namespaces of this machine. It counts what was lost, and leaves nothing.\n\n' +
        '  mesh   boss and minion: a request’s header decides its WAN link, through a real Envoy;\n' +
        '         the better link is cut and restored, the policy swapped, under load\n' +
        '  links  one wire over two WAN links: sessions are steered; a link is cut, mended and bad\n' +
        '  local  the wire of one machine: request, refresh, failover between endpoints\n' +
        '  kube   a real cluster of one node: pods get wires by an annotation, a policy by kubectl;\n' +
        '         the forwarder’s pod is deleted under pings (npm run demo:kube)',
    )
    .addArgument(new Argument('[story]', 'which one').choices(Object.keys(stories)).default('mesh'))
    .option('--stay', 'mesh: go on afterwards, with hints of what to try, until Ctrl-C', false)
    .option('--json', 'mesh: an object a line, for machines', false)
    .option('--report <file>', 'mesh: write Markdown, and a plot of the latency beside it')
    .option('--seconds <count>', 'mesh: how long each act looks', seconds, 8)
    .addHelpText(
      'after',
      '\nNeeds root and Linux 6.1 or later, `mesh` Envoy, `links` iperf3; `wanwire doctor` tells what is missing.',
    )
    .action(async (name: string, options: Options) => {
      process.exit(await demo(name, options));
    });
}

function seconds(text: string): number {
  if (/^\d{1,4}$/.test(text) && Number(text) > 0) return Number(text);
  throw new InvalidArgumentError('want seconds, from 1.');
}

async function demo(name: string, options: Options): Promise<number> {
  const colours = paint(process.stdout);
  if (process.getuid?.() !== 0) {
    process.stderr.write(
      'wanwire demo: not root: network namespaces need it. Try: sudo -E npm run demo\n',
    );
    return exitCodes.failed;
  }
  const start = performance.now();
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      stop.abort(new DOMException(`stopped by ${signal}`, 'AbortError'));
    });
  }
  try {
    await stories[name]?.(screen(process.stdout), options, stop.signal);
  } catch (reason) {
    const interrupted = stop.signal.aborted;
    const text = interrupted ? abortReason(stop.signal).message : messageOf(reason);
    process.stderr.write(`\n${colours.red('wanwire demo:')} ${text}\n`);
    return interrupted ? exitCodes.interrupted : exitCodes.failed;
  }
  const took = ((performance.now() - start) / 1000).toFixed(1);
  if (!options.json) {
    process.stdout.write(`\n${colours.green('All as promised')}, in ${took} s.\n`);
  }
  return exitCodes.ok;
}

/** Two sites and a wire. */
async function playLinks(shown: Screen, signal: AbortSignal): Promise<void> {
  const sites = await Sites.open(wanwire, signal, slowLab());
  try {
    using dialer = new Dialer(signal);
    await unlessStopped(story({ sites, screen: shown, dialer, signal }), signal);
  } finally {
    await sites[Symbol.asyncDispose]();
  }
  sites.mustBeGone();
  shown.row('left', 'nothing: no process, network namespace, folder or pinned program');
}

/** One machine. */
async function playLocal(shown: Screen, signal: AbortSignal): Promise<void> {
  await using world = await World.open(wanwire);
  using dialer = new Dialer(signal);
  await unlessStopped(localStory({ world, screen: shown, dialer, signal }), signal);
}

/** A cluster of one node, and a site beside it. */
async function playKube(shown: Screen, signal: AbortSignal): Promise<void> {
  shown.title('wanwire on Kubernetes');
  const cluster = await Cluster.open(wanwire, signal);
  try {
    shown.row('node', 'edge: API server, controllers, scheduler, containerd and kubelet, all real');
    shown.row('cloud', 'wanwire up -f cloud.yaml, over two WAN links');
    await unlessStopped(kubeStory({ cluster, screen: shown }), signal);
  } finally {
    await cluster[Symbol.asyncDispose]();
  }
  cluster.mustBeGone();
  shown.row('left', 'nothing: no process, network namespace, mount, cgroup or folder');
}

function messageOf(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}
