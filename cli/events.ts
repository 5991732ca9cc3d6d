// SPDX-License-Identifier: Apache-2.0
/** `wanwire events`: what was measured of strands and decided of them. */
import { Command } from 'commander';
import { parseSince } from './events/since.js';
import { followJournal } from './events/journal.js';
import { DecisionLines } from './events/view.js';
import { paint } from './paint.js';
import { answer } from './plane/answer.js';
import { openDesk } from './plane/desk.js';
import { planeTable, withNodeOptions, type NodeOptions } from './plane/node.js';
import { untilInterrupted } from './plane/watch.js';
import { environmentHelp } from './process-command.js';

interface Options extends NodeOptions {
  readonly since?: number;
  readonly follow?: boolean;
  readonly json?: boolean;
}

const usualSince = '1h';

/** The subcommand. */
export function command(): Command {
  const bare = new Command('events').description(
    'Decisions about strands: down, degraded, held, returning, up; when, why, what was measured, how ' +
      'many sessions were on it. From the forwarder, or from the journal that it left. Single ' +
      'sessions: wanwire sessions --events.',
  );
  return withNodeOptions(bare)
    .option(
      '--since <time>',
      `how long ago it begins, such as 15m, 1h or 2d, or a time (${usualSince}; with --follow now)`,
      (text: string) => parseSince(text),
    )
    .option('--follow', 'go on until Ctrl-C')
    .option('--json', "the journal's records, one a line, samples too: wanwire replay takes them")
    .addHelpText('after', () =>
      environmentHelp(planeTable, [
        'sudo wanwire events --since 1h',
        'sudo wanwire events --follow',
        'sudo wanwire events --since 2d --json > recorded.json',
      ]),
    )
    .action((options: Options) => answer(() => tell(options)));
}

async function tell({ json = false, follow = false, ...options }: Options): Promise<void> {
  const { forwarder: node } = await openDesk(options);
  const { stdout: out, stderr: aside } = process;
  const sinceMs = options.since ?? (follow ? Date.now() : parseSince(usualSince));
  const lines = new DecisionLines(paint(out));
  const signal = untilInterrupted();
  let count = 0;
  for await (const record of followJournal({ node, sinceMs, follow, signal, aside })) {
    if (json) await written(out, `${JSON.stringify(record)}\n`);
    else if (record.type === 'event') {
      if (count++ === 0) out.write(`${lines.titles}\n`);
      await written(out, `${lines.line(record.event, record.wallMs)}\n`);
    }
    if (isOver(signal)) return;
  }
  if (!json && count === 0 && !isOver(signal)) aside.write('wanwire: no decisions since then\n');
}

/** A day of samples is not kept in memory for a slow reader. */
function written(out: NodeJS.WriteStream, text: string): Promise<void> | undefined {
  if (out.write(text)) return undefined;
  return new Promise((resolve) => {
    const done = (): void => {
      out.off('drain', done).off('close', done).off('error', done);
      resolve();
    };
    out.on('drain', done).on('close', done).on('error', done);
  });
}

/** A call: what is known of it before an `await` says nothing about after it. */
function isOver({ aborted }: AbortSignal): boolean {
  return aborted;
}
