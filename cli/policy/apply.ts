// SPDX-License-Identifier: Apache-2.0
/** What `wanwire policy` asks of a running forwarder: apply, list, remove. */
import { readFile } from 'node:fs/promises';
import { status } from '@grpc/grpc-js';
import { z } from 'zod';
import { WireError } from '../../api/errors/wire-error.js';
import { parsePolicies } from '../../api/site/policy.js';
import { SiteError } from '../../api/site/site-error.js';
import { paint } from '../paint.js';
import { openDesk } from '../plane/desk.js';
import { countText } from '../plane/figures.js';
import { tableLines } from '../plane/lines.js';
import type { NodeOptions } from '../plane/node.js';

/** Options of each. */
export interface PolicyOptions extends NodeOptions {
  readonly json?: boolean;
}

const inForce = z.object({ generation: z.int(), ms: z.number() });
const applied = inForce.extend({ policies: z.array(z.string()) });
const listed = z.object({
  policies: z.array(
    z.object({
      name: z.string(),
      services: z.array(z.string()),
      from: z.enum(['site', 'applied']),
      rules: z.int(),
      classes: z.array(z.string()),
    }),
  ),
});

/** Put the policies of a file (`-` is standard input) in force, all at once. What is wrong changes nothing. */
export async function applyPolicies(file: string, options: PolicyOptions): Promise<void> {
  const shown = file === '-' ? 'stdin' : file;
  const body = await textOf(file);
  // Its mistakes are told also where no forwarder runs.
  parsePolicies(body, shown);
  const { ask } = await openDesk(options);
  const path = `/policies?file=${encodeURIComponent(shown)}`;
  const answer = await ask({ method: 'POST', path, body }, applied).catch((reason: unknown) => {
    throw ofFile(shown, reason);
  });
  tell(options, answer, `${answer.policies.join(', ')}: in force (${took(answer)})`);
}

/** The policies of the node, and where each is from. */
export async function listPolicies(options: PolicyOptions): Promise<void> {
  const { ask } = await openDesk(options);
  const answer = await ask({ method: 'GET', path: '/policies' }, listed);
  const lines = tableLines(
    answer.policies,
    [
      { title: 'POLICY', text: ({ name }) => name },
      { title: 'FROM', text: ({ from }) => (from === 'site' ? 'site file' : 'applied') },
      { title: 'SERVICES', text: ({ services }) => services.join(',') },
      { title: 'RULES', right: true, text: ({ rules }) => countText(rules) },
      { title: 'CLASSES', text: ({ classes }) => classes.join(',') },
    ],
    paint(process.stdout),
  );
  tell(options, answer, lines.length === 0 ? 'no policies' : lines.join('\n'));
}

/** Forget an applied policy: that of the site's file, if there is one, is in force again. */
export async function removePolicy(name: string, options: PolicyOptions): Promise<void> {
  const { ask } = await openDesk(options);
  const path = `/policies/${encodeURIComponent(name)}`;
  const answer = await ask({ method: 'DELETE', path }, inForce);
  tell(options, answer, `${name}: removed (${took(answer)})`);
}

/** What only the forwarder can know, such as its links, is a mistake in the file as others are. */
function ofFile(file: string, reason: unknown): unknown {
  if (!(reason instanceof WireError) || reason.code !== status.INVALID_ARGUMENT) return reason;
  const place = { file, line: undefined, column: undefined, field: '' };
  return new SiteError(reason.message.split('\n').map((text) => ({ ...place, text })));
}

function tell({ json = false }: PolicyOptions, answer: object, text: string): void {
  process.stdout.write(`${json ? JSON.stringify(answer) : text}\n`);
}

function took({ generation, ms }: z.infer<typeof inForce>): string {
  return `generation ${String(generation)}, after ${String(ms)} ms`;
}

async function textOf(file: string): Promise<string> {
  try {
    if (file !== '-') return await readFile(file, 'utf8');
    const parts: Buffer[] = [];
    for await (const part of process.stdin) parts.push(part as Buffer);
    return Buffer.concat(parts).toString();
  } catch (reason) {
    const why = reason instanceof Error ? reason.message : String(reason);
    const text = `${file}: cannot be read: ${why}`;
    throw new WireError(status.INVALID_ARGUMENT, text, { cause: reason });
  }
}
