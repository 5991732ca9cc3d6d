// SPDX-License-Identifier: Apache-2.0
/** `wanwire demo`: a steered wire between two sites on this machine, from nothing to nothing. */
import { Command } from 'commander';
import { fileURLToPath } from 'node:url';
import { abortReason } from '../api/chain/clock.js';
import type { Channel } from '../api/grpc/channel.js';
import { channels } from '../api/grpc/dial.js';
import { silentLogger } from '../api/log/log.js';
import { World } from '../lab/world.js';
import { localStory } from './demo/local.js';
import { screen, type Screen } from './demo/screen.js';
import { Sites } from './demo/sites.js';
import { story } from './demo/steered.js';
import { exitCodes } from './exit-codes.js';
import { paint } from './paint.js';

const wanwire = fileURLToPath(new URL('./main.js', import.meta.url));

/** The subcommand. */
export function command(): Command {
  return new Command('demo')
    .description(
      'Two sites in network namespaces, with two WAN links between them: a client at the edge asks ' +
        'for a wire to the cloud, two transfers use a link each, the policy is swapped and a cable ' +
        'pulled under load. In the end it counts what was lost, and leaves nothing.',
    )
    .option('--local', 'the wire of one machine: request, refresh, failover between endpoints')
    .addHelpText(
      'after',
      '\nNeeds root, iperf3 and Linux 6.1 or later; `wanwire doctor` tells what is missing.',
    )
    .action(async ({ local = false }: { readonly local?: boolean }) => {
      process.exit(await demo(local ? playLocal : play));
    });
}

type Play = (shown: Screen, signal: AbortSignal) => Promise<void>;

async function demo(act: Play): Promise<number> {
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
    await act(screen(process.stdout), stop.signal);
  } catch (reason) {
    const interrupted = stop.signal.aborted;
    const text = interrupted ? abortReason(stop.signal).message : messageOf(reason);
    process.stderr.write(`\n${colours.red('wanwire demo:')} ${text}\n`);
    return interrupted ? exitCodes.interrupted : exitCodes.failed;
  }
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  process.stdout.write(`\n${colours.green('All as promised')}, in ${seconds} s.\n`);
  return exitCodes.ok;
}

/** Two sites. */
async function play(shown: Screen, signal: AbortSignal): Promise<void> {
  const sites = await Sites.open(wanwire, signal);
  try {
    using peers = channels({ dialTimeoutMs: 2_000, insecure: true, log: silentLogger() });
    const dial = (url: string): Channel => peers.acquire(url);
    await unlessStopped(story({ sites, screen: shown, dial, signal }), signal);
  } finally {
    await sites[Symbol.asyncDispose]();
  }
  const left = sites.leavings();
  if (left.length > 0) throw new Error(`these are left: ${left.join(', ')}`);
  shown.row('left', 'nothing: no process, network namespace, folder or pinned program');
}

/** One machine. */
async function playLocal(shown: Screen, signal: AbortSignal): Promise<void> {
  await using world = await World.open(wanwire);
  using peers = channels({ dialTimeoutMs: 2_000, insecure: true, log: silentLogger() });
  const dial = (url: string): Channel => peers.acquire(url);
  await unlessStopped(localStory({ world, screen: shown, dial, signal }), signal);
}

/** When stopped, the acts fail on what is being taken away under them; nobody asks any more. */
async function unlessStopped(acts: Promise<void>, signal: AbortSignal): Promise<void> {
  acts.catch(() => undefined);
  const stopped = new Promise<never>((_resolve, reject) => {
    if (signal.aborted) reject(abortReason(signal));
    signal.addEventListener('abort', () => {
      reject(abortReason(signal));
    });
  });
  await Promise.race([acts, stopped]);
}

function messageOf(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}
