// SPDX-License-Identifier: Apache-2.0
/** `wanwire pin` and `unpin`: an operator's choice of the strand of one session, in mid-flow. */
import { Command } from 'commander';
import { status } from '@grpc/grpc-js';
import { z } from 'zod';
import { WireError } from '../api/errors/wire-error.js';
import { flowText, parseFlow, type FlowText } from '../forwarder/operator/flow.js';
import { answer } from './plane/answer.js';
import { chooseStrand, chooseWire } from './plane/choose.js';
import { openDesk } from './plane/desk.js';
import { countOf } from './plane/figures.js';
import { look } from './plane/look.js';
import { planeTable, withNodeOptions, type NodeOptions } from './plane/node.js';
import { isThere } from './plane/sessions.js';
import { environmentHelp } from './process-command.js';

interface PinOptions extends NodeOptions {
  readonly wire?: string;
}

interface UnpinOptions extends PinOptions {
  readonly all?: boolean;
}

const flowHelp =
  'A session is written as `wanwire sessions` shows it: protocol, source and destination with their ' +
  'ports, IPv6 in brackets. For ICMP the id of the echo stands for the port.';

/** `wanwire pin`. */
export function command(): Command {
  const bare = new Command('pin').description(
    `Puts one session on a strand, from its next packet on, until it is unpinned. ${flowHelp}`,
  );
  return withNodeOptions(bare)
    .option(
      '--wire <id>',
      'of this wire; the beginning of its id is enough, or nothing for the only one',
    )
    .argument('<protocol>', 'tcp, udp, icmp, ... or a number')
    .argument('<source>', 'such as 172.16.0.1:40000 or [fd00::1]:40000')
    .argument('<destination>', 'such as 10.60.0.10:80')
    .argument('<strand>', 'its name, as wanwire strand list tells it')
    .addHelpText('after', () =>
      environmentHelp(planeTable, [
        'sudo wanwire pin --wire 3f2a tcp 172.16.0.1:40000 10.60.0.10:80 fibre-cloud/wan0',
      ]),
    )
    .action(
      (
        protocol: string,
        source: string,
        destination: string,
        strand: string,
        options: PinOptions,
      ) =>
        answer(async () => {
          const flow = canonical({ protocol, source, destination });
          const { ask, plane, node } = await openDesk(options);
          const wire = chooseWire(plane, options.wire);
          chooseStrand(plane, strand);
          const body = { wire: wire.id, ...flow, strand };
          await ask({ method: 'POST', path: '/pins', body }, z.object({}));
          const there = look(node, (maps) => isThere(maps, wire.number, parseFlow(flow)));
          const hint = there
            ? ''
            : ' (no such session yet: it will be there from its first packet)';
          process.stdout.write(`${inWords(flow)} is pinned to ${strand}${hint}\n`);
        }),
    );
}

/** `wanwire unpin`. */
export function unpinCommand(): Command {
  const bare = new Command('unpin').description(
    `Lets the policy choose again for one session, or for all. ${flowHelp}`,
  );
  return withNodeOptions(bare)
    .option('--wire <id>', 'of this wire; the beginning of its id is enough')
    .option('--all', 'all sessions; with --wire all of that wire')
    .argument('[protocol]', 'tcp, udp, icmp, ... or a number')
    .argument('[source]', 'such as 172.16.0.1:40000 or [fd00::1]:40000')
    .argument('[destination]', 'such as 10.60.0.10:80')
    .addHelpText('after', () =>
      environmentHelp(planeTable, [
        'sudo wanwire unpin --wire 3f2a tcp 172.16.0.1:40000 10.60.0.10:80',
        'sudo wanwire unpin --all',
      ]),
    )
    .action(
      (
        protocol: string | undefined,
        source: string | undefined,
        destination: string | undefined,
        options: UnpinOptions,
      ) => answer(() => unpin({ protocol, source, destination }, options)),
    );
}

const counted = z.object({ count: z.int() });

async function unpin(
  parts: { readonly [K in keyof FlowText]: string | undefined },
  options: UnpinOptions,
): Promise<void> {
  const { protocol, source, destination } = parts;
  if (options.all === true) {
    if (protocol !== undefined) throw usage('either --all or one session');
    const { ask, plane } = await openDesk(options);
    const wire = options.wire === undefined ? {} : { wire: chooseWire(plane, options.wire).id };
    const body = { all: true, ...wire };
    const { count } = await ask({ method: 'DELETE', path: '/pins', body }, counted);
    process.stdout.write(`${countOf(count, 'session')} unpinned\n`);
    return;
  }
  if (protocol === undefined || source === undefined || destination === undefined) {
    throw usage('--all, or a session: PROTOCOL SOURCE DESTINATION');
  }
  const flow = canonical({ protocol, source, destination });
  const { ask, plane } = await openDesk(options);
  const body = { wire: chooseWire(plane, options.wire).id, ...flow };
  await ask({ method: 'DELETE', path: '/pins', body }, counted);
  process.stdout.write(`${inWords(flow)} is unpinned\n`);
}

/** Understood, and written as everywhere else. */
function canonical(flow: FlowText): FlowText {
  return flowText(parseFlow(flow));
}

function inWords({ protocol, source, destination }: FlowText): string {
  return `${protocol} ${source} to ${destination}`;
}

function usage(want: string): WireError {
  return new WireError(status.INVALID_ARGUMENT, `want ${want}`);
}
