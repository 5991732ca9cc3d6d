// SPDX-License-Identifier: Apache-2.0
/** `wanwire audit`: an Envoy's access log joined with the session events of forwarders. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Command, InvalidArgumentError } from 'commander';
import { invalid } from '../api/errors/wire-error.js';
import { isLocal, parseAddress, type Address } from '../api/grpc/address.js';
import { chooseForwarders } from './audit/forwarders.js';
import { startAudit, type RunningAudit } from './audit/run.js';
import type { AuditReport } from './audit/types.js';
import { auditLines } from './audit/view.js';
import { exitCodes } from './exit-codes.js';
import { paint } from './paint.js';
import { answer } from './plane/answer.js';
import { planeTable } from './plane/node.js';
import { untilInterrupted } from './plane/watch.js';
import { environmentHelp } from './process-command.js';
import { printable } from './table.js';

interface Options {
  readonly listen: string;
  readonly socketMode: number;
  readonly file: readonly string[];
  readonly policy?: string;
  readonly forwarder?: readonly string[];
  readonly for?: number;
  readonly json?: boolean;
  readonly watch?: boolean;
}

const usualListen = '127.0.0.1:9001';
const secondMs = 1_000;
const home = '\u001b[H\u001b[2J';

/** The subcommand; `choose` finds forwarders by name. */
export function command(choose: typeof chooseForwarders = chooseForwarders): Command {
  const collect = (one: string, before: readonly string[] = []) => [...before, one];
  return new Command('audit')
    .description(
      'Whether each request left on a link of its class: takes the access log of Envoys (gRPC), looks up which link ' +
        'carried the connection of each request in the session events of forwarders, and holds that against the policy. ' +
        'Ends with Ctrl-C or after --for. docs/audit.md tells what is compared.',
    )
    .requiredOption(
      '-f, --file <policy.yaml>',
      'the policy, or the site with it; read again when it changes',
      collect,
    )
    .option('--policy <name>', 'which one, where several policies have http rules')
    .option('--listen <address>', 'ADDRESS:PORT or unix:PATH, for Envoys to send to', usualListen)
    .option('--socket-mode <octal>', 'who may connect to a unix socket', modeOf, 0o600)
    .option(
      '--forwarder <name>',
      'whose sessions count; may be given several times, needed where there are several',
      collect,
    )
    .option('--for <time>', 'how long, such as 30s or 5m; until Ctrl-C where not given', timeOf)
    .option('--watch', 'show it every second')
    .option('--json', 'one JSON object at the end; with --watch one a second, too')
    .addHelpText('after', () =>
      [
        `\nExit codes: ${String(exitCodes.ok)} none is wrong, ${String(exitCodes.astray)} at least one request left on a wrong link.`,
        environmentHelp(planeTable, [
          'sudo wanwire audit -f site.yaml --watch',
          'sudo wanwire audit -f policy.yaml --listen unix:/run/wanwire/audit.sock --for 30s --json',
        ]),
      ].join('\n'),
    )
    .action((options: Options) => answer(() => audit(options, choose)));
}

async function audit(options: Options, choose: typeof chooseForwarders): Promise<void> {
  const address = addressOf(options.listen);
  const tell = (text: string): void => {
    process.stderr.write(`wanwire audit: ${text.split('\n').map(printable).join('\n')}\n`);
  };
  const signal = untilInterrupted();
  await using running = await startAudit({
    address,
    socketMode: options.socketMode,
    choice: { files: options.file, policy: options.policy },
    forwarders: await choose(options.forwarder ?? []),
    tell,
  });
  if (!isLocal(address))
    tell(`whoever reaches ${running.url} can send: nothing there is encrypted or asked who it is`);
  tell(`listening on ${running.url}`);
  await untilOver(running, options, signal);
  const report = await running.finish();
  print(report, options);
  if (report.total.wrong > 0) process.exitCode = exitCodes.astray;
}

async function untilOver(
  running: RunningAudit,
  options: Options,
  signal: AbortSignal,
): Promise<void> {
  const { for: ms = Infinity, watch = false } = options;
  const end = performance.now() + ms;
  while (!signal.aborted && performance.now() < end) {
    if (watch) print(running.report(), options);
    const left = Math.min(end - performance.now(), secondMs);
    await sleep(left, undefined, { signal }).catch(() => undefined);
  }
}

function print(report: AuditReport, { json = false, watch = false }: Options): void {
  if (json) {
    process.stdout.write(`${JSON.stringify(report)}\n`);
    return;
  }
  const text = `${auditLines(paint(process.stdout), report).join('\n')}\n`;
  const clear = watch && process.stdout.isTTY ? home : '';
  process.stdout.write(`${clear}${text}${watch && clear === '' ? '\n' : ''}`);
}

function addressOf(text: string): Address {
  if (text.startsWith('unix:') || text.startsWith('tcp:')) return parseAddress(text, '--listen');
  if (!/:\d+$/.test(text)) throw invalid('--listen', text, 'ADDRESS:PORT or unix:PATH');
  return parseAddress(`tcp://${text}`, '--listen');
}

function modeOf(text: string): number {
  if (/^0?[0-7]{3}$/.test(text)) return Number.parseInt(text, 8);
  throw new InvalidArgumentError('want three octal digits such as 660.');
}

function timeOf(text: string): number {
  const [, count, unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text) ?? [];
  const ms = Number(count) * ({ ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }[unit] ?? Number.NaN);
  if (ms > 0 && ms < 2 ** 31) return ms;
  throw new InvalidArgumentError('want a time such as 30s or 5m.');
}
