// SPDX-License-Identifier: Apache-2.0
/** A text of policies as single documents, each with the policy it says. */
import { parseAllDocuments } from 'yaml';
import { parsePolicies } from '../../api/site/policy.js';
import type { PolicyDocument } from './operator.js';

/**
 * Every policy of `text`, with its own document, comments included. Throws all
 * mistakes of the text at once, with `name` as the name of its file.
 */
export function policyDocuments(text: string, name: string): readonly PolicyDocument[] {
  const policies = new Set(parsePolicies(text, name).map((policy) => policy.name));
  const documents = [...parseAllDocuments(text)]
    // One that is empty is none.
    .filter((document) => document.toJS() !== null)
    .map((document) => document.toString({ directives: false }))
    .flatMap((own) => parsePolicies(own, name).map((policy) => ({ policy, text: own })));
  if (documents.length !== policies.size) throw new TypeError('a document has gone astray');
  return documents;
}
