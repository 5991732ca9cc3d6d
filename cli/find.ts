// SPDX-License-Identifier: Apache-2.0
/** `wanwire find`: what is registered, once or as it changes. */
import { Argument, Command } from 'commander';
import { systemClock } from '../api/chain/clock.js';
import { NetworkService, NetworkServiceEndpoint } from '../api/gen/registry.js';
import { remoteRegistries } from '../api/registry/remote.js';
import type { Found, Registries, Registry } from '../api/registry/registry.js';
import { exitCodes } from './exit-codes.js';
import { endpointRow, endpointTitles, serviceRow, serviceTitles } from './find-rows.js';
import { paint } from './paint.js';
import { peerTable, withManager, type Session } from './peer.js';
import { environmentHelp } from './process-command.js';
import { columns } from './table.js';

interface Options {
  readonly connectTo?: string;
  readonly watch?: boolean;
  readonly json?: boolean;
}

/** One kind of entry. */
interface Kind<T> {
  readonly titles: readonly string[];
  row(entry: T): readonly string[];
  registry(registries: Registries): Registry<T>;
  query(name: string): T;
  toJSON(entry: T): unknown;
}

const services: Kind<NetworkService> = {
  titles: serviceTitles,
  row: serviceRow,
  registry: (registries) => registries.services,
  query: (name) => NetworkService.fromPartial({ name }),
  toJSON: (entry) => NetworkService.toJSON(entry),
};

const endpoints: Kind<NetworkServiceEndpoint> = {
  titles: endpointTitles,
  row: (entry) => endpointRow(entry, Date.now()),
  registry: (registries) => registries.endpoints,
  query: (name) => NetworkServiceEndpoint.fromPartial({ name }),
  toJSON: (entry) => NetworkServiceEndpoint.toJSON(entry),
};

/** The subcommand. */
export function command(): Command {
  return new Command('find')
    .description('What is registered at the manager: network services or endpoints.')
    .addArgument(new Argument('<kind>', 'what to look for').choices(['services', 'endpoints']))
    .argument('[name]', 'only what has exactly this name')
    .option('--connect-to <url>', 'the manager (unix:///path or tcp://host:port)')
    .option('--watch', 'go on and tell of changes, until Ctrl-C')
    .option('--json', 'one JSON object a line')
    .addHelpText('after', () =>
      environmentHelp(peerTable, [
        'wanwire find services',
        'wanwire find endpoints --watch --json',
      ]),
    )
    .action(async (kind: 'services' | 'endpoints', name: string | undefined, options: Options) => {
      const watch = options.watch === true;
      process.exitCode = await withManager(
        { connectTo: options.connectTo, follow: watch },
        (session) =>
          kind === 'services'
            ? find(services, session, name, options)
            : find(endpoints, session, name, options),
      );
    });
}

async function find<T>(
  kind: Kind<T>,
  { channel, log, signal }: Session,
  name: string | undefined,
  { watch = false, json = false }: Options,
): Promise<number> {
  const registry = kind.registry(remoteRegistries(channel));
  const call = { signal, log, clock: systemClock };
  const found = registry.find(call, kind.query(name ?? ''), watch);
  if (json) return printJson(kind, found, name);
  return watch ? printChanges(kind, found) : printTable(kind, found, name);
}

type Printed<T> = AsyncIterable<Found<T>>;

async function printJson<T>(kind: Kind<T>, found: Printed<T>, name?: string): Promise<number> {
  let any = false;
  for await (const { entry, deleted } of found) {
    any = true;
    process.stdout.write(`${JSON.stringify({ deleted, entry: kind.toJSON(entry) })}\n`);
  }
  return verdict(any, name);
}

async function printTable<T>(kind: Kind<T>, found: Printed<T>, name?: string): Promise<number> {
  const rows: (readonly string[])[] = [];
  for await (const { entry } of found) rows.push(kind.row(entry));
  rows.sort(([a = ''], [b = '']) => a.localeCompare(b));
  if (rows.length > 0) {
    const { line } = columns([kind.titles, ...rows]);
    process.stdout.write(`${paint(process.stdout).dim(line(kind.titles))}\n`);
    for (const row of rows) process.stdout.write(`${line(row)}\n`);
  } else {
    const what = name === undefined ? '' : ` under ${JSON.stringify(name)}`;
    process.stderr.write(`nothing is registered${what}\n`);
  }
  return verdict(rows.length > 0, name);
}

async function printChanges<T>(kind: Kind<T>, found: Printed<T>): Promise<number> {
  const { dim, red } = paint(process.stdout);
  let line: ((cells: readonly string[]) => string) | undefined;
  for await (const { entry, deleted } of found) {
    const cells = [deleted ? 'gone' : 'there', ...kind.row(entry)];
    if (line === undefined) {
      const titles = ['', ...kind.titles];
      line = columns([titles, ['there'], cells]).line;
      process.stdout.write(`${dim(line(titles))}\n`);
    }
    process.stdout.write(`${deleted ? red(line(cells)) : line(cells)}\n`);
  }
  return exitCodes.ok;
}

/** Who asks for a name and gets nothing is to notice it in a script. */
function verdict(any: boolean, name: string | undefined): number {
  return any || name === undefined ? exitCodes.ok : exitCodes.failed;
}
