// SPDX-License-Identifier: Apache-2.0
/** Policies of a text without a Site: what `wanwire policy check` and `apply` are given. */
import { documentsOf } from './documents.js';
import { readPolicy } from './policy-document.js';
import { repeated } from './repeated.js';
import { type Mistake, SiteError } from './site-error.js';
import type { SteeringPolicy } from './types.js';

/**
 * The policies of a text, `name` being that of its file; throws a SiteError with every mistake.
 * Which links there are is not known here: their names and classes are not checked.
 */
export function parsePolicies(text: string, name: string): SteeringPolicy[] {
  const { documents, mistakes } = documentsOf(text, name);
  const all: Mistake[] = [...mistakes];
  const policies: SteeringPolicy[] = [];
  const read = documents.map(({ kind, document }) => {
    if (kind !== 'SteeringPolicy') document.wrong(['kind'], 'SteeringPolicy, as all others here');
    const policy = kind === 'SteeringPolicy' ? readPolicy(document, undefined) : undefined;
    if (policy !== undefined) policies.push(policy);
    return document;
  });
  repeated(
    read.filter((document) => typeof document.raw(['metadata', 'name']) === 'string'),
    (document) => String(document.raw(['metadata', 'name'])),
    (document, _, first) =>
      document.wrong(
        ['metadata', 'name'],
        `a name that the policy at ${first.place} does not have`,
      ),
  );
  for (const document of read) all.push(...document.mistakes);
  if (all.length > 0) throw new SiteError(all);
  return policies;
}
