// SPDX-License-Identifier: Apache-2.0
/** `wanwire monitor`: the connections of a manager and what happens to them. */
import { Command } from 'commander';
import {
  ConnectionEvent,
  MonitorConnectionService,
  MonitorScopeSelector,
} from '../api/gen/connection.js';
import { exitCodes } from './exit-codes.js';
import { eventRows, eventTitles } from './monitor-rows.js';
import { paint } from './paint.js';
import { peerTable, withManager, type Session } from './peer.js';
import { environmentHelp } from './process-command.js';
import { columns } from './table.js';

interface Options {
  readonly connectTo?: string;
  readonly json?: boolean;
}

/** The subcommand. */
export function command(): Command {
  return new Command('monitor')
    .description(
      "The manager's wires, then each change as it happens, until Ctrl-C. When the manager goes " +
        'away, it waits for it and begins anew.',
    )
    .option('--connect-to <url>', 'the manager (unix:///path or tcp://host:port)')
    .option('--json', 'one ConnectionEvent a line')
    .addHelpText('after', () =>
      environmentHelp(peerTable, ['wanwire monitor', 'wanwire monitor --json | jq .type']),
    )
    .action(async ({ connectTo, json = false }: Options) => {
      process.exitCode = await withManager({ connectTo, follow: true }, (session) =>
        monitor(session, json),
      );
    });
}

async function monitor({ channel, signal }: Session, json: boolean): Promise<number> {
  const { dim, red, yellow } = paint(process.stdout);
  const tones: Readonly<Record<string, (line: string) => string>> = { DELETE: red, DOWN: yellow };
  const events = channel.stream(
    MonitorConnectionService.monitorConnections,
    MonitorScopeSelector.create(),
    { signal },
  );
  let line: ((cells: readonly string[]) => string) | undefined;
  for await (const event of events) {
    if (json) {
      process.stdout.write(`${JSON.stringify(ConnectionEvent.toJSON(event))}\n`);
      continue;
    }
    const rows = eventRows(event);
    if (rows.length === 0) continue;
    if (line === undefined) {
      line = columns([eventTitles, ['DELETE'], ...rows]).line;
      process.stdout.write(`${dim(line(eventTitles))}\n`);
    }
    for (const row of rows) {
      const [what = '', , , , state = ''] = row;
      const tone = tones[what] ?? tones[state] ?? String;
      process.stdout.write(`${tone(line(row))}\n`);
    }
  }
  return exitCodes.ok;
}
