// SPDX-License-Identifier: Apache-2.0
/** `wanwire doctor`: what this machine has, what it lacks, and how to get that. */
import { Command } from 'commander';
import { environment, readEnvironment } from '../api/env/read-environment.js';
import { checks } from './doctor/checks.js';
import type { Finding } from './doctor/finding.js';
import { exitCodes } from './exit-codes.js';
import { paint, type Paint } from './paint.js';
import { url } from '../api/env/urls.js';
import { environmentHelp } from './process-command.js';

const table = {
  NSM_CONNECT_TO: url({
    default: 'unix:///var/lib/networkservicemesh/nsm.io.sock',
    description: 'Where the manager should listen; --connect-to goes before it.',
  }),
};

/** The subcommand. */
export function command(): Command {
  return new Command('doctor')
    .description(
      'Looks at this machine and says what wanwire needs and finds, what is missing, and how to ' +
        'get it. Exits with 1 when something that this version needs is missing.',
    )
    .option('--connect-to <url>', 'the manager (unix:///path or tcp://host:port)')
    .option('--json', 'one JSON object')
    .addHelpText('after', () =>
      environmentHelp(table, ['sudo wanwire doctor', 'wanwire doctor --json']),
    )
    .action(async ({ connectTo, json = false }: { connectTo?: string; json?: boolean }) => {
      const over = connectTo === undefined ? {} : { NSM_CONNECT_TO: connectTo };
      const { config } = readEnvironment(table, { ...environment(), ...over });
      const findings = await examine(config.NSM_CONNECT_TO);
      process.stdout.write(json ? `${JSON.stringify({ findings })}\n` : told(findings));
      const sick = findings.some(({ state }) => state === 'missing');
      process.exitCode = sick ? exitCodes.failed : exitCodes.ok;
    });
}

async function examine(managerUrl: string): Promise<Finding[]> {
  const findings: Finding[] = [];
  // One after the other: some make an interface for a moment.
  for (const { name, neededFor, look, cure: usual } of checks) {
    const { ok, detail, cure = usual } = await look(managerUrl);
    const state = ok ? 'ok' : neededFor === 'now' ? 'missing' : 'absent';
    findings.push({ name, state, neededFor, detail, ...(ok ? {} : { cure }) });
  }
  return findings;
}

function told(findings: readonly Finding[]): string {
  const colours = paint(process.stdout);
  const width = Math.max(...findings.map(({ name }) => name.length));
  const lines = findings.flatMap(({ name, state, detail, cure, neededFor }) => [
    `${tone(colours, state)(state.padEnd(7))}  ${name.padEnd(width)}  ${detail}`,
    ...(cure === undefined ? [] : [`${' '.repeat(width + 11)}${cure}`]),
    ...(state === 'absent' ? [`${' '.repeat(width + 11)}(for ${neededFor})`] : []),
  ]);
  const missing = findings.filter(({ state }) => state === 'missing').length;
  const sum =
    missing === 0
      ? 'This machine has all that this version needs.'
      : `${String(missing)} of the things this version needs ${missing === 1 ? 'is' : 'are'} missing.`;
  return `${lines.join('\n')}\n\n${sum}\n`;
}

function tone({ green, red, yellow }: Paint, state: Finding['state']): (text: string) => string {
  return { ok: green, missing: red, absent: yellow }[state];
}
