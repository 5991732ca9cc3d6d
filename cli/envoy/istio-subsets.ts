// SPDX-License-Identifier: Apache-2.0
/** Which class a subset of Istio's stands for. */
import { z } from 'zod';
import type { SiteDocument } from '../../api/site/document.js';
import { word } from '../../api/site/fields.js';
import type { Path } from '../../api/site/yaml.js';
import { checkKeys, istioKeys } from './istio-keys.js';

/** The label of a subset that says its class. */
export const classLabel = 'wanwire.io/class';

/** Classes that need no further word where a subset is called so. */
const wellKnown = ['low-latency', 'bulk', 'best-effort'];

/** A DestinationRule, as far as it could be read. */
export interface HostSubsets {
  readonly host: string | undefined;
  /** The class that its label says, if it has that. */
  readonly subsets: ReadonlyMap<string, string | undefined>;
}

/** Stands for a label that has been told to be wrong. */
const wrongClass = '';

/** The class of a host's subset; nothing, and a mistake at the path, where nobody says it. */
export type SubsetClass = (
  document: SiteDocument,
  path: Path,
  host: string,
  subset: string,
) => string | undefined;

const texts = z.record(z.string(), z.string({ error: 'a text' }), { error: 'labels' });
const host = z.string({ error: 'a host' });
const name = z.string({ error: 'the name of a subset' });

/** Reads one; mistakes are told to the document. */
export function readDestinationRule(document: SiteDocument): HostSubsets {
  checkKeys(document, ['spec'], istioKeys.destinationRule);
  const subsets = new Map<string, string | undefined>();
  for (const at of document.indices(['spec', 'subsets'])) {
    const path = ['spec', 'subsets', at];
    checkKeys(document, path, istioKeys.subset);
    const of = document.read(name, [...path, 'name']);
    const labels = document.read(texts.default({}), [...path, 'labels']) ?? {};
    const labelled = Object.hasOwn(labels, classLabel)
      ? (document.read(word, [...path, 'labels', classLabel]) ?? wrongClass)
      : undefined;
    if (of !== undefined) subsets.set(of, labelled);
  }
  return { host: document.read(host, ['spec', 'host']), subsets };
}

/** `given` are classes by subset, which go before labels; labels go before names. */
export function subsetClasses(
  rules: readonly HostSubsets[],
  given: Readonly<Record<string, string>>,
): SubsetClass {
  const labels = rules.flatMap(({ subsets }) => [...subsets.values()]);
  const classes = new Set([...wellKnown, ...Object.values(given), ...labels]);
  return (document, path, host, subset) => {
    if (Object.hasOwn(given, subset)) return given[subset];
    const known = rules.filter((rule) => rule.host === host);
    const declared = known.find(({ subsets }) => subsets.has(subset));
    if (known.length > 0 && declared === undefined) {
      const names = known.flatMap(({ subsets }) => [...subsets.keys()]);
      document.wrong(path, `a subset of the DestinationRule for ${host}: ${names.join(', ')}`);
      return undefined;
    }
    const found = declared?.subsets.get(subset) ?? (classes.has(subset) ? subset : undefined);
    if (found === wrongClass) return undefined;
    if (found === undefined) {
      const want =
        `a subset whose class is known: by --class ${subset}=CLASS, by the label ${classLabel} ` +
        `in its DestinationRule, or called ${[...classes].filter(Boolean).join(', ')}`;
      document.wrong(path, want);
    }
    return found;
  };
}
