// SPDX-License-Identifier: Apache-2.0
/**
 * Istio's route rules as http rules of a policy: where a VirtualService leads to
 * a subset, the policy gives the subset's class. All that cannot be said in a
 * policy is told with its line, and then nothing is made.
 */
import { stringify } from 'yaml';
import { SiteDocument } from '../../api/site/document.js';
import { parsePolicies } from '../../api/site/policy.js';
import { type Mistake, SiteError } from '../../api/site/site-error.js';
import { yamlDocuments } from '../../api/site/yaml.js';
import { readDestinationRule, subsetClasses } from './istio-subsets.js';
import { readVirtualService, type RouteRule } from './istio-routes.js';

/** What Istio's documents do not say. */
export interface FromOptions {
  /** Name of the policy: `mesh` where not given. */
  readonly name?: string;
  /** Services that it is for: `wan` where not given. */
  readonly services?: readonly string[];
  /** Classes by subset; they go before what DestinationRules say. */
  readonly classes?: Readonly<Record<string, string>>;
  /** The class of what fits no rule, where no route is for all requests: `best-effort` where not given. */
  readonly default?: string;
}

const versions = /^networking\.istio\.io\/(v1|v1beta1|v1alpha3)$/;

/** The policy as YAML; throws a SiteError with every mistake, each with its line. */
export function policyFromIstio(text: string, file: string, options: FromOptions = {}): string {
  const { documents: all, mistakes: broken } = yamlDocuments(text, file);
  const mistakes: Mistake[] = [...broken];
  const documents = all.map((yaml) => new SiteDocument(yaml));
  const of = (kind: string) => documents.filter((document) => document.raw(['kind']) === kind);
  for (const document of documents) checkHead(document);
  const virtual = of('VirtualService');
  const fine = documents.every((document) => document.mistakes.length === 0);
  if (virtual.length === 0 && mistakes.length === 0 && fine) {
    const want = 'has no VirtualService: want one document with `kind: VirtualService`';
    mistakes.push({ file, line: undefined, column: undefined, field: '', text: want });
  }
  const classOf = subsetClasses(
    of('DestinationRule').map(readDestinationRule),
    options.classes ?? {},
  );
  const read = virtual.map((document) => readVirtualService(document, classOf, virtual.length > 1));
  for (const document of documents) mistakes.push(...document.mistakes);
  if (mistakes.length > 0) {
    throw new SiteError(mistakes.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0)));
  }
  const others = read.length === 1 ? read[0]?.others : undefined;
  const made = policyText(
    read.flatMap(({ rules }) => rules),
    others ?? options.default ?? 'best-effort',
    options,
  );
  // A policy that is not right would be told by its own lines, which nobody has seen.
  parsePolicies(made, `the policy made of ${file}`);
  return made;
}

function checkHead(document: SiteDocument): void {
  const kind = document.raw(['kind']);
  if (kind !== 'VirtualService' && kind !== 'DestinationRule') {
    document.wrong(['kind'], 'VirtualService or DestinationRule: no other kind has routes');
    return;
  }
  const version = document.raw(['apiVersion']);
  if (typeof version !== 'string' || !versions.test(version)) {
    document.wrong(['apiVersion'], 'networking.istio.io/v1, v1beta1 or v1alpha3');
  }
  for (const key of document.keys([])) {
    if (!['apiVersion', 'kind', 'metadata', 'spec', 'status'].includes(key)) {
      document.wrongKey([key], 'one of apiVersion, kind, metadata and spec');
    }
  }
}

function policyText(
  rules: readonly RouteRule[],
  others: string,
  { name = 'mesh', services = ['wan'] }: FromOptions,
): string {
  const names = new Set<string>();
  const policy = {
    apiVersion: 'wanwire.io/v1alpha1',
    kind: 'SteeringPolicy',
    metadata: { name },
    spec: {
      services,
      rules: rules.map((rule) => ({
        name: uniqueName(names, rule.name),
        match: { http: rule.http },
        class: rule.class ?? others,
      })),
      default: others,
    },
  };
  return stringify(policy, { lineWidth: 0 });
}

/** Route names are any text, and may be missing or the same. */
function uniqueName(names: Set<string>, wished: string): string {
  const plain =
    wished
      .toLowerCase()
      .replace(/[^a-z0-9.-]+/g, '-')
      .slice(0, 56)
      .replace(/^[-.]+|[-.]+$/g, '') || 'route';
  let name = plain;
  for (let number = 2; names.has(name); number++) name = `${plain}-${String(number)}`;
  names.add(name);
  return name;
}
