// SPDX-License-Identifier: Apache-2.0
/** `wanwire sessions`: which session runs where, read from a forwarder's pinned maps. */
import { Command, InvalidArgumentError } from 'commander';
import { status } from '@grpc/grpc-js';
import { WireError } from '../api/errors/wire-error.js';
import { paint } from './paint.js';
import { answer } from './plane/answer.js';
import { chooseWire } from './plane/choose.js';
import { openDesk } from './plane/desk.js';
import { showEvents } from './plane/events-view.js';
import { look } from './plane/look.js';
import { chooseNode, planeTable, withNodeOptions, type NodeOptions } from './plane/node.js';
import { readSessions, type SessionReading } from './plane/sessions.js';
import { sessionsJson, sessionsLines } from './plane/sessions-view.js';
import { show, untilInterrupted, withWatchOptions, type WatchOptions } from './plane/watch.js';
import { environmentHelp } from './process-command.js';
import { followSessions } from './session-events.js';

interface Options extends NodeOptions, WatchOptions {
  readonly wire?: string;
  readonly top?: number;
  readonly events?: boolean;
}

const usualTop = 50;
/** Lines that are no sessions: titles, the sum, the prompt. */
const around = 4;

/** The subcommand. */
export function command(): Command {
  const bare = new Command('sessions').description(
    'Which session runs on which strand, by which class and rule, the largest first. Read from the ' +
      'pinned maps, so also while the forwarder does not run.',
  );
  return withWatchOptions(withNodeOptions(bare))
    .option('--wire <id>', 'only those of this wire; the beginning of its id is enough')
    .option(
      '--top <count>',
      `how many are shown (${String(usualTop)} in a table, or what the screen takes; all in JSON)`,
      topCount,
    )
    .option(
      '--events',
      'what happens from now on: created, moved, closed; the forwarder has to run. With --json one object a line',
    )
    .addHelpText('after', () =>
      environmentHelp(planeTable, [
        'sudo wanwire sessions --watch',
        'sudo wanwire sessions --events',
        'sudo wanwire sessions --wire 3f2a --json | jq ".sessions[].strand"',
      ]),
    )
    .action((options: Options) =>
      answer(async () => {
        if (options.events === true) return follow(options);
        const node = await chooseNode(options);
        const colours = paint(process.stdout);
        const top = options.top ?? fitting(options.watch === true);
        const read = (): SessionReading =>
          look(node, (maps, reading) => {
            const wire =
              options.wire === undefined ? undefined : chooseWire(reading.plane, options.wire);
            return readSessions(maps, reading, wire);
          });
        await show<SessionReading>(
          {
            read,
            text: (now, before) => `${sessionsLines(colours, now, before, top).join('\n')}\n`,
            json: (now, before) => sessionsJson(now, before, options.top),
          },
          options,
        );
      }),
    );
}

/** Until Ctrl-C. */
async function follow(options: Options): Promise<void> {
  const other = (['watch', 'every', 'rate', 'top'] as const).find((one) => options[one]);
  if (other !== undefined) {
    const text = `--events goes on by itself: want it without --${other}`;
    throw new WireError(status.INVALID_ARGUMENT, text);
  }
  const { forwarder, plane } = await openDesk(options);
  const signal = untilInterrupted();
  await showEvents({
    name: forwarder.name,
    follow: (begun) => followSessions(forwarder, signal, begun),
    wire: options.wire === undefined ? undefined : chooseWire(plane, options.wire).id,
    json: options.json === true,
    paint: paint(process.stdout),
    out: process.stdout,
    aside: process.stderr,
    signal,
  });
}

/** What stands on the screen without scrolling away what is watched. */
function fitting(watch: boolean): number {
  const { isTTY, rows } = process.stdout as { readonly isTTY?: boolean; readonly rows?: number };
  if (!watch || isTTY !== true || rows === undefined) return usualTop;
  return Math.max(1, rows - around);
}

function topCount(text: string): number {
  const count = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (count > 0) return count;
  throw new InvalidArgumentError('want a number of sessions, from 1.');
}
