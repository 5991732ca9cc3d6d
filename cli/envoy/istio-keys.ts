// SPDX-License-Identifier: Apache-2.0
/** What of Istio's documents is turned into http rules, and what not and why. */
import { nearest } from '../../api/env/nearest.js';
import type { SiteDocument } from '../../api/site/document.js';
import type { Path } from '../../api/site/yaml.js';

/** One kind of mapping in them. */
export interface Keys {
  readonly taken: readonly string[];
  /** Istio has them, http rules do not: what would be right instead. */
  readonly refused: Readonly<Record<string, string>>;
}

const only = 'wanwire chooses links, it does not';

/** By the mapping they are for. */
export const istioKeys = {
  virtualService: {
    taken: ['hosts', 'http', 'gateways'],
    refused: {
      tls: 'http routes alone: TLS has no headers that can be read',
      tcp: 'http routes alone; for TCP a rule has destinationPorts and destinations',
      exportTo: 'no exportTo: a policy is for the clients of one site',
    },
  },
  route: {
    taken: ['name', 'match', 'route'],
    refused: {
      redirect: `no redirect: ${only} answer requests`,
      directResponse: `no directResponse: ${only} answer requests`,
      delegate: 'no delegate: its routes written out here',
      rewrite: `no rewrite: ${only} change requests`,
      timeout: 'no timeout: an http rule has none',
      retries: 'no retries: an http rule has none',
      fault: `no fault: ${only} inject faults`,
      mirror: `no mirror: ${only} copy requests`,
      mirrors: `no mirrors: ${only} copy requests`,
      mirrorPercent: `no mirrorPercent: ${only} copy requests`,
      mirror_percent: `no mirror_percent: ${only} copy requests`,
      mirrorPercentage: `no mirrorPercentage: ${only} copy requests`,
      corsPolicy: `no corsPolicy: ${only} answer requests`,
      headers: `no headers here: ${only} change requests`,
    },
  },
  match: {
    taken: ['name', 'uri', 'method', 'authority', 'headers'],
    refused: {
      scheme: 'no scheme: a sidecar sees plain HTTP',
      port: 'no port: an http rule is for one service',
      sourceLabels: 'no sourceLabels: a rule with clientLabels, beside the http rules',
      sourceNamespace: 'no sourceNamespace: an http rule does not know it',
      gateways: 'no gateways: a policy is for the clients of one site',
      queryParams: 'no queryParams: an http rule looks at the path without its query',
      ignoreUriCase: 'no ignoreUriCase: in an http rule small letters and capitals differ',
      withoutHeaders: 'no withoutHeaders: a rule before this one for requests that have them',
      statPrefix: 'no statPrefix: an http rule has none',
    },
  },
  destination: {
    taken: ['destination', 'weight'],
    refused: { headers: `no headers here: ${only} change requests` },
  },
  target: { taken: ['host', 'subset', 'port'], refused: {} },
  destinationRule: {
    taken: ['host', 'subsets'],
    refused: {
      trafficPolicy: 'no trafficPolicy: a policy has none',
      exportTo: 'no exportTo: a policy is for the clients of one site',
      workloadSelector: 'no workloadSelector: a rule with clientLabels, beside the http rules',
    },
  },
  subset: {
    taken: ['name', 'labels'],
    refused: { trafficPolicy: 'no trafficPolicy: a class of a policy has none' },
  },
  text: { taken: ['exact', 'prefix', 'regex'], refused: {} },
} as const satisfies Record<string, Keys>;

/** Tells each key at a path that is not taken, at its own line. */
export function checkKeys(document: SiteDocument, path: Path, { taken, refused }: Keys): void {
  for (const key of document.keys(path)) {
    if (taken.includes(key)) continue;
    const near = nearest(key, [...taken, ...Object.keys(refused)]);
    const meant = near === undefined ? '' : ` (did you mean ${near}?)`;
    const want = Object.hasOwn(refused, key)
      ? (refused[key] ?? '')
      : `one of ${taken.join(', ')}${meant}`;
    document.wrongKey([...path, key], want);
  }
}
