// SPDX-License-Identifier: Apache-2.0
/** `wanwire explain`: what becomes of a packet, why, and whether the loaded program says the same. */
import { Command } from 'commander';
import { exitCodes } from './exit-codes.js';
import { requestOf, type HttpOptions } from './explain/http.js';
import { parsePacket } from './explain/packet.js';
import { explain } from './explain/run.js';
import { explainedLines } from './explain/view.js';
import { paint } from './paint.js';
import { answer } from './plane/answer.js';
import { chooseNode, planeTable, withNodeOptions, type NodeOptions } from './plane/node.js';
import { environmentHelp } from './process-command.js';

interface Options extends NodeOptions, HttpOptions {
  readonly wire?: string;
  readonly service?: string;
  readonly all?: boolean;
  readonly live?: boolean;
  readonly json?: boolean;
}

/** The subcommand. */
export function command(): Command {
  const collect = (header: string, before: readonly string[] = []) => [...before, header];
  const bare = new Command('explain').description(
    'What becomes of a packet: its rule, class, strand and link, and why; from the policy in force and ' +
      'the tables, and then by the loaded program itself, run on that packet without a trace. Where ' +
      `the two differ it says so and exits with ${String(exitCodes.disagrees)}. A packet is written as ` +
      '"PROTOCOL SOURCE > DESTINATION", ports behind a colon and IPv6 in brackets, then its DSCP ' +
      '(dscp ef) and labels of its client (app=sip), which tell wires apart.',
  );
  return withNodeOptions(bare)
    .argument('<packet...>', 'such as "tcp 172.16.0.3:40000 > 10.60.0.9:8000 dscp ef app=sip"')
    .option('--wire <id>', 'on this wire; the beginning of its id is enough')
    .option('--service <name>', 'on a wire for this service')
    .option('--all', 'also the rules before the one that fits, and why they do not')
    .option(
      '--header <name=value>',
      'of a request that Envoy sends; several times for several',
      collect,
    )
    .option('--method <method>', 'of that request; GET where not given')
    .option('--path <path>', 'of that request; / where not given')
    .option('--host <host>', 'of that request')
    .option('--live', 'run the loaded program itself, not its twin: it counts the packet')
    .option('--json', 'one JSON object')
    .addHelpText('after', () =>
      environmentHelp(planeTable, [
        'sudo wanwire explain "tcp 172.16.0.3:40000 > 10.60.0.9:8000 dscp ef"',
        'sudo wanwire explain --all "udp [fd00::3]:5060 > [2001:db8:60::9]:5060 app=sip"',
        'sudo wanwire explain "tcp 172.16.0.3 > 10.60.0.9:8000" --header user=boss --path /video',
      ]),
    )
    .action((words: readonly string[], options: Options) =>
      answer(async () => {
        const packet = parsePacket(words.join(' '));
        const request = requestOf(options);
        const { wire, service, all = false, live = false, json = false } = options;
        const wish = {
          ...(wire === undefined ? {} : { wire }),
          ...(service === undefined ? {} : { service }),
        };
        const found = await explain(await chooseNode(options), { packet, wish, request, live });
        const lines = json
          ? [JSON.stringify(found)]
          : explainedLines(paint(process.stdout), found, all);
        process.stdout.write(`${lines.join('\n')}\n`);
        if (found.differences.length > 0) process.exitCode = exitCodes.disagrees;
      }),
    );
}
