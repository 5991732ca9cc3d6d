// SPDX-License-Identifier: Apache-2.0
/** Tells the kinds of documents apart, and says which ones there can be. */
import { nearest } from '../env/nearest.js';
import { SiteDocument } from './document.js';
import { metadata, object, text } from './fields.js';
import { networkServiceSpec } from './service-schema.js';
import type { Mistake } from './site-error.js';
import type { NetworkServiceDocument } from './types.js';
import { yamlDocuments } from './yaml.js';
import { z } from 'zod';

const versions = {
  Site: 'wanwire.io/v1alpha1',
  SteeringPolicy: 'wanwire.io/v1alpha1',
  NetworkService: 'networkservicemesh.io/v1',
} as const;

/** The kinds there are. */
export type Kind = keyof typeof versions;

const kinds = Object.keys(versions);

/** A document of one kind, whose spec has not been looked at. */
export interface KindDocument {
  readonly kind: Kind;
  readonly document: SiteDocument;
}

/** What a text holds. */
export interface Documents {
  readonly documents: readonly KindDocument[];
  /** Mistakes that keep a document from being one of them. */
  readonly mistakes: readonly Mistake[];
}

/** The documents of a text. */
export function documentsOf(content: string, file: string): Documents {
  const { documents, mistakes } = yamlDocuments(content, file);
  const found: KindDocument[] = [];
  const wrong = [...mistakes];
  for (const yaml of documents) {
    const document = new SiteDocument(yaml);
    const kind = kindOf(document);
    if (kind === undefined) wrong.push(...document.mistakes);
    else found.push({ kind, document });
  }
  if (documents.length + mistakes.length === 0) {
    const want = 'has no document: want one with `kind: Site` or `kind: SteeringPolicy`';
    wrong.push({ file, line: undefined, column: undefined, field: '', text: want });
  }
  return { documents: found, mistakes: wrong };
}

/** As {@link documentsOf}, of one document that is no text. */
export function kindDocumentOf(document: SiteDocument): {
  readonly document: KindDocument | undefined;
  readonly mistakes: readonly Mistake[];
} {
  const kind = kindOf(document);
  return {
    document: kind === undefined ? undefined : { kind, document },
    mistakes: document.mistakes,
  };
}

function kindOf(document: SiteDocument): Kind | undefined {
  const kind = document.read(kindHead, [])?.kind;
  if (kind === undefined) return undefined;
  document.read(heads[kind], []);
  return kind;
}

const anything = z.unknown().optional();
const kindField = text(`a kind: ${kinds.join(', ')}`, (value) => {
  if (Object.hasOwn(versions, value)) return value as Kind;
  const near = nearest(value, kinds);
  if (near === undefined) return undefined;
  throw new Error(`a kind: ${kinds.join(', ')} (did you mean ${near}?)`);
});
/** Keys beside the kind are looked at once that is known. */
const kindHead = z.object(
  { kind: kindField },
  { error: 'a mapping with apiVersion, kind, metadata and spec' },
);

function headOf(kind: Kind) {
  return object('a mapping', {
    apiVersion: z.literal(versions[kind], { error: `${versions[kind]} for kind ${kind}` }),
    kind: anything,
    metadata: anything,
    spec: anything,
  });
}

const heads = {
  Site: headOf('Site'),
  SteeringPolicy: headOf('SteeringPolicy'),
  NetworkService: headOf('NetworkService'),
};

/** The NetworkService; nothing where it has a mistake. */
export function readNetworkService(document: SiteDocument): NetworkServiceDocument | undefined {
  const name = document.read(metadata, ['metadata'])?.name;
  const spec = document.read(networkServiceSpec, ['spec']);
  if (spec?.name !== undefined && spec.name !== name) {
    document.wrong(['spec', 'name'], `the name of metadata, ${name ?? 'which is not valid'}`);
  }
  if (name === undefined || spec === undefined || document.mistakes.length > 0) return undefined;
  const matches = spec.matches.map((match) => ({
    sourceSelector: match.source_selector,
    routes: match.routes.map((route) => ({
      destinationSelector: route.destination_selector,
      weight: route.weight,
    })),
    fallthrough: match.fallthrough,
    ...(match.metadata && { metadata: match.metadata }),
  }));
  return { name, payload: spec.payload, matches };
}
