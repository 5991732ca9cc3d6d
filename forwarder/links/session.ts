// SPDX-License-Identifier: Apache-2.0
/**
 * The links of one opened namespace: look, and do. Nothing is kept; the
 * namespace is the caller's.
 */
import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { KernelError } from '../../api/errors/kernel-error.js';
import type { Netns } from '../../bpf/netns/netns.js';
import { decode, encode, type Answer } from './batch.js';
import type { FoundEnd, WantedEnd } from './end.js';
import { message, type Message } from './message.js';
import { describe, type Operation } from './operation.js';
import { mustLookBeside } from './plan.js';
import {
  endOf,
  linkQuery,
  linksOf,
  linksQuery,
  partsQueries,
  routesQuery,
  takenBeside,
  type FoundLink,
} from './query.js';

const { EEXIST, EADDRNOTAVAIL, ENODEV, ENOENT, ESRCH, EINTR } = constants.errno;

/** The kernel's own limit for looking at a carrier is a second. */
const mostMs = 1024;

/** What an operation may be told and still be as wished: it was so already. */
const asWished: Partial<Record<Operation['op'], readonly number[]>> = {
  'add-route': [EEXIST],
  'delete-route': [ESRCH, ENOENT],
  'delete-address': [EADDRNOTAVAIL],
  'delete-neighbour': [ENOENT],
  'delete-link': [ENODEV],
  'delete-group': [ENODEV],
  'add-host-route': [EEXIST],
  'delete-host-route': [ESRCH, ENOENT],
  'delete-source-rule': [ENOENT],
};

/**
 * The link of that name with its parts, nothing where there is none. Where its
 * index is known from before, all is asked in one transaction.
 */
export async function findEnd(
  netns: Netns,
  name: string,
  lastIndex?: number,
): Promise<FoundEnd | undefined> {
  const guess = lastIndex === undefined ? [] : partsQueries(lastIndex);
  const [answer, ...parts] = await ask(netns, [linkQuery(name), ...guess]);
  const link = answer === undefined ? undefined : linkIn(answer, name);
  if (link === undefined) return undefined;
  if (link.index === lastIndex && parts.every(complete)) return endOf(link, parts);
  const again = await ask(netns, partsQueries(link.index));
  const bad = again.find((part) => !complete(part));
  if (bad !== undefined) throw new KernelError(bad.errno || EINTR, `read link ${name}`, bad.text);
  return endOf(link, again);
}

/** The end with what is to be known to choose metrics; asks only where that matters. */
export async function lookBeside(
  netns: Netns,
  wanted: WantedEnd,
  found: FoundEnd,
): Promise<FoundEnd> {
  if (!mustLookBeside(wanted, found)) return found;
  const [answer] = await ask(netns, [routesQuery()]);
  if (answer === undefined || !complete(answer)) {
    throw new KernelError(answer?.errno || EINTR, 'read routes', answer?.text);
  }
  return { ...found, taken: takenBeside(answer, found.index) };
}

/** The links of those names, nothing in the place of one that is not there. */
export async function findNamed(
  netns: Netns,
  names: readonly string[],
): Promise<readonly (FoundLink | undefined)[]> {
  const answers = await ask(netns, names.map(linkQuery));
  return answers.map((answer, at) => linkIn(answer, names[at] ?? ''));
}

/**
 * Wait until the link sends. The end that came up first does so only once the
 * kernel has looked at its carrier; since 6.8 asking for the link makes it look.
 */
export async function running(netns: Netns, name: string): Promise<void> {
  for (let waitMs = 1; waitMs < mostMs; waitMs *= 2) {
    const [link] = await findNamed(netns, [name]);
    if (link === undefined || link.running) return;
    await sleep(waitMs);
  }
}

/** All links. */
export async function findLinks(netns: Netns): Promise<readonly FoundLink[]> {
  const [answer] = await ask(netns, [linksQuery()]);
  if (answer === undefined || answer.errno !== 0) {
    throw new KernelError(answer?.errno ?? EINTR, 'read links', answer?.text);
  }
  return linksOf(answer);
}

/**
 * Do all operations in one transaction. The first one that the kernel refuses
 * is thrown; the others were tried nevertheless.
 */
export async function apply(
  netns: Netns,
  operations: readonly Operation[],
  far?: Netns,
): Promise<void> {
  const [first] = await attempt(netns, operations, far);
  if (first !== undefined) throw first;
}

/** Do all operations in one transaction; what the kernel refused of them. */
export async function attempt(
  netns: Netns,
  operations: readonly Operation[],
  far?: Netns,
): Promise<readonly KernelError[]> {
  if (operations.length === 0) return [];
  const farFd = far?.fd;
  const answers = await ask(
    netns,
    operations.map((operation) => message(operation, farFd)),
  );
  return operations.flatMap((operation, at) => {
    const { errno, text } = answers[at] ?? { errno: EINTR, text: 'no answer' };
    if (errno === 0 || asWished[operation.op]?.includes(errno)) return [];
    return [new KernelError(errno, describe(operation), text)];
  });
}

/** Send them, and what came of each. */
export async function ask(netns: Netns, messages: readonly Message[]): Promise<readonly Answer[]> {
  return decode(await netns.transact(encode(messages)), messages.length);
}

function linkIn(answer: Answer, name: string): FoundLink | undefined {
  if (answer.errno === ENODEV) return undefined;
  if (answer.errno !== 0) throw new KernelError(answer.errno, `read link ${name}`, answer.text);
  return linksOf(answer)[0];
}

/** A part asked for by an index that is gone says so; then it is asked for again. */
function complete({ errno, interrupted }: Answer): boolean {
  return errno === 0 && !interrupted;
}
