// SPDX-License-Identifier: Apache-2.0
/**
 * The policy of the files that were given, and again when they change. What has a mistake changes
 * nothing, and is told.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { invalid, WireError } from '../../api/errors/wire-error.js';
import { textOf } from '../../api/site/read.js';
import type { SteeringPolicy } from '../../api/site/types.js';
import { loadPolicies } from '../policy/load.js';
import type { PolicyText } from './policy-history.js';

/** Which policy is meant. */
export interface PolicyChoice {
  readonly files: readonly string[];
  /** Its name; needed where several have http rules. */
  readonly policy: string | undefined;
}

/** How files are watched. */
export interface PolicyWatch {
  readonly choice: PolicyChoice;
  readonly onChange: (text: PolicyText) => void;
  /** Once for each mistake. */
  readonly onMistake: (text: string) => void;
  readonly signal: AbortSignal;
  readonly everyMs?: number;
}

const usualEveryMs = 250;

/** Read it; throws a SiteError with every mistake, or what else is wrong with the choice. */
export async function readPolicy(choice: PolicyChoice): Promise<PolicyText> {
  const { site, policies } = await loadPolicies(choice.files);
  const links = site?.links ?? [];
  return {
    policy: chosen(policies, choice.policy),
    links: links.map(({ name, class: of }) => ({ name, class: of })),
  };
}

function chosen(policies: readonly SteeringPolicy[], name: string | undefined): SteeringPolicy {
  const names = policies.map((one) => one.name).join(', ');
  if (name !== undefined) {
    const found = policies.find((one) => one.name === name);
    if (found === undefined) throw invalid('--policy', name, `one of ${names || 'none'}`);
    return found;
  }
  const [only] = policies;
  if (only === undefined) {
    throw new WireError(status.FAILED_PRECONDITION, 'there is no SteeringPolicy in the files');
  }
  const withHttp = policies.filter(({ httpRules }) => httpRules.length > 0);
  if (policies.length === 1 || withHttp.length === 1) return withHttp[0] ?? only;
  const text = `there are several policies: choose one with --policy (${names})`;
  throw new WireError(status.INVALID_ARGUMENT, text);
}

/** Watch the files until the signal; resolves then, and never rejects. `before` is what they said last. */
export async function watchPolicy(watch: PolicyWatch, before: PolicyText): Promise<void> {
  const { choice, onChange, onMistake, signal, everyMs = usualEveryMs } = watch;
  let text = '';
  let policy = sayingOf(before);
  for (;;) {
    await sleep(everyMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    const now = await textsOf(choice);
    if (now === text) continue;
    text = now;
    try {
      const read = await readPolicy(choice);
      // Another comment is no other policy.
      if (sayingOf(read) === policy) continue;
      policy = sayingOf(read);
      onChange(read);
    } catch (reason) {
      onMistake(reason instanceof Error ? reason.message : String(reason));
    }
  }
}

function sayingOf({ policy, links }: PolicyText): string {
  return JSON.stringify([policy, links]);
}

async function textsOf({ files }: PolicyChoice): Promise<string> {
  return JSON.stringify(await Promise.all(files.map(textOf)));
}
