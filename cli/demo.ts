// SPDX-License-Identifier: Apache-2.0
/** `wanwire demo`: a whole wire on this machine, from nothing to nothing. */
import { Command } from 'commander';
import { fileURLToPath } from 'node:url';
import { abortReason } from '../api/chain/clock.js';
import { channels } from '../api/grpc/dial.js';
import { silentLogger } from '../api/log/log.js';
import { World } from '../lab/world.js';
import { screen } from './demo/screen.js';
import { story } from './demo/story.js';
import { exitCodes } from './exit-codes.js';
import { paint } from './paint.js';

/** The subcommand. */
export function command(): Command {
  return new Command('demo')
    .description(
      'Starts a manager, a forwarder, two endpoints and a client as processes; asks for a wire, ' +
        'pings over it, refreshes it, kills its endpoint, closes it, and shows that nothing is left.',
    )
    .addHelpText(
      'after',
      '\nNeeds root and Linux 6.1 or later; `wanwire doctor` tells what is missing.',
    )
    .action(async () => {
      process.exit(await demo());
    });
}

async function demo(): Promise<number> {
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
    await play(stop.signal);
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

async function play(signal: AbortSignal): Promise<void> {
  await using world = await World.open(fileURLToPath(new URL('./main.js', import.meta.url)));
  using peers = channels({ dialTimeoutMs: 2_000, insecure: true, log: silentLogger() });
  const stopped = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => {
      reject(abortReason(signal));
    });
  });
  const acts = story({
    world,
    screen: screen(process.stdout),
    dial: (url) => peers.acquire(url),
    signal,
  });
  // When stopped, the acts fail on what is being taken away under them; nobody asks any more.
  acts.catch(() => undefined);
  await Promise.race([acts, stopped]);
}

function messageOf(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}
