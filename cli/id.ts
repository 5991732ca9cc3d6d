// SPDX-License-Identifier: Apache-2.0
/** `wanwire id`: which identity this user's processes would get, and if none, why and what to do. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { common } from '../api/env/common.js';
import { environment, readEnvironment } from '../api/env/read-environment.js';
import type { Table } from '../api/env/table.js';
import { WireError } from '../api/errors/wire-error.js';
import { ConfigError } from '../api/env/config-error.js';
import { askAgent } from '../api/identity/agent.js';
import type { Identity } from '../api/identity/types.js';
import { exitCodes } from './exit-codes.js';
import { paint } from './paint.js';
import { printable } from './table.js';
import { environmentHelp } from './process-command.js';

const { SPIFFE_ENDPOINT_SOCKET, WANWIRE_INSECURE } = common;

/** The environment of `wanwire id`. */
export const idTable = { SPIFFE_ENDPOINT_SOCKET, WANWIRE_INSECURE } as const satisfies Table;

/** An agent on this machine answers in milliseconds. */
const patienceMs = 5_000;

interface Options {
  readonly json?: boolean;
  readonly agent?: string;
}

/** What was found; without an identity `why` says more. */
interface Answer {
  readonly id: string | null;
  readonly agent: string | null;
  readonly until: string | null;
  readonly trustDomains: readonly string[];
  readonly why: string | null;
}

/** The subcommand. */
export function command(): Command {
  return new Command('id')
    .description(
      'Which SPIFFE ID a process that this user starts here would get, until when, from which agent, and which ' +
        'trust domains it would trust. If none: why, and what to do.',
    )
    .option('--agent <url>', 'ask this agent; goes before SPIFFE_ENDPOINT_SOCKET')
    .option('--json', 'one JSON object')
    .addHelpText('after', () =>
      environmentHelp(idTable, [
        'SPIFFE_ENDPOINT_SOCKET=unix:///run/wanwire/edge/agent.sock wanwire id',
        'wanwire id --agent unix:///run/spire/sockets/agent.sock --json',
      ]),
    )
    .action(async ({ json = false, agent }: Options) => {
      const found = await look(agent);
      if (json) process.stdout.write(`${JSON.stringify(found)}\n`);
      else print(found);
      process.exitCode = found.id === null ? exitCodes.unavailable : exitCodes.ok;
    });
}

async function look(agent: string | undefined): Promise<Answer> {
  const none = { id: null, agent: null, until: null, trustDomains: [] };
  const over = agent === undefined ? {} : { SPIFFE_ENDPOINT_SOCKET: agent };
  const { config } = readEnvironment(idTable, { ...environment(), ...over });
  if (config.WANWIRE_INSECURE && agent === undefined) {
    const why =
      'WANWIRE_INSECURE=true: processes that are started here ask nobody and prove nothing';
    return { ...none, why };
  }
  const socket = config.SPIFFE_ENDPOINT_SOCKET;
  if (socket === undefined) return { ...none, why: noAgent() };
  try {
    return answerOf(await askAgent(socket, AbortSignal.timeout(patienceMs)), socket);
  } catch (reason) {
    if (reason instanceof ConfigError || !(reason instanceof Error)) throw reason;
    const isLate = reason.name === 'TimeoutError' || reason.name === 'AbortError';
    if (!isLate && !(reason instanceof WireError)) throw reason;
    const late = `${socket} has not answered within ${String(patienceMs / 1000)} s: is the agent overloaded, or stopped?`;
    return { ...none, agent: socket, why: isLate ? late : reason.message };
  }
}

function answerOf({ svid, bundles }: Identity, agent: string): Answer {
  const until = new Date(svid.notAfterMs).toISOString();
  return { id: svid.id, agent, until, trustDomains: [...bundles.keys()].sort(), why: null };
}

/** What there may be on this machine that could be asked. */
function noAgent(): string {
  const known = [
    '/run/wanwire/agent.sock',
    ...sitesIn('/run/wanwire').map((name) => join('/run/wanwire', name, 'agent.sock')),
    '/run/spire/sockets/agent.sock',
    '/tmp/spire-agent/public/api.sock',
  ].filter((path) => existsSync(path));
  const text = 'no agent is named: set SPIFFE_ENDPOINT_SOCKET';
  const [first] = known;
  if (first !== undefined) {
    const others = known.length === 1 ? '' : ` (there are ${known.join(', ')})`;
    return `${text}, for example to unix://${first}${others}`;
  }
  return `${text} to that of a SPIFFE agent; wanwire up and wanwire manager have one, and none seems to run here`;
}

function sitesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function print({ id, agent, until, trustDomains, why }: Answer): void {
  const { bold } = paint(process.stdout);
  if (id === null || until === null) {
    const text = printable(why ?? '').replace(/^no identity:? /, '');
    process.stderr.write(`wanwire: no identity${text.startsWith('from ') ? '' : ':'} ${text}\n`);
    return;
  }
  const minutes = Math.round((Date.parse(until) - Date.now()) / 60_000);
  const lines = [
    `identity  ${bold(printable(id))}`,
    `until     ${until.replace(/\.\d+Z$/, 'Z')} (${String(minutes)} min; its agent renews it by itself)`,
    `agent     ${agent ?? ''}`,
    `trusts    ${trustDomains.map(printable).join(', ')}`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}
