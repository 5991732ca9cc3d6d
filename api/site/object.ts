// SPDX-License-Identifier: Apache-2.0
/**
 * An object of a Kubernetes cluster as a document of a site's files: the same schemas read both, and
 * their mistakes say the same, but for file and line, which an object has none of.
 */
import { SiteDocument } from './document.js';
import { kindDocumentOf, type KindDocument, readNetworkService } from './documents.js';
import { readPolicy } from './policy-document.js';
import { readSite } from './site.js';
import type { Mistake } from './site-error.js';

/** Metadata that users write; all else is the cluster's. */
const known = ['name', 'namespace', 'labels', 'annotations'];

/** The document of an object of a known kind; its mistakes where it is none. `file` stands for it in the places of others. */
export function documentOfObject(
  object: object,
  file = '',
): { readonly document: KindDocument | undefined; readonly mistakes: readonly Mistake[] } {
  const { status: _, ...rest } = object as Readonly<Record<string, unknown>>;
  const value = { ...rest, metadata: ofUser(rest['metadata']) };
  const document = new SiteDocument({ file, value, position: () => ({ line: 1, column: 1 }) });
  return kindDocumentOf(document);
}

/** What is wrong with a Site, a SteeringPolicy or a NetworkService by itself, a line for each mistake; nothing where it is right. */
export function objectMistakes(object: object): string | undefined {
  const { document: found, mistakes } = documentOfObject(object);
  if (found === undefined) return inLines(mistakes);
  const { kind, document } = found;
  if (kind === 'Site') readSite(document);
  else if (kind === 'SteeringPolicy') readPolicy(document, undefined);
  else readNetworkService(document);
  return inLines(document.mistakes);
}

function inLines(mistakes: readonly Mistake[]): string | undefined {
  if (mistakes.length === 0) return undefined;
  return mistakes.map(({ field, text }) => (field === '' ? text : `${field}: ${text}`)).join('\n');
}

function ofUser(metadata: unknown): unknown {
  if (typeof metadata !== 'object' || metadata === null) return metadata;
  const entries = Object.entries(metadata).filter(([key]) => known.includes(key));
  return Object.fromEntries(entries);
}
