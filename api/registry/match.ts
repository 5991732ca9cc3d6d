// SPDX-License-Identifier: Apache-2.0
/** Which entries a Find asks for, and which endpoints and forwarders a Request may take. Pure functions. */
import { isDeepStrictEqual } from 'node:util';
import { timestampMs } from '../chain/connection.js';
import type { Match, NetworkService, NetworkServiceEndpoint as Endpoint } from '../gen/registry.js';

/** Labels as messages carry them. */
export type Labels = Readonly<Record<string, string>>;

/** An endpoint that a Request may take. */
export interface Candidate {
  readonly endpoint: Endpoint;
  /** The weight of the route that led to it; 1 where there is none. */
  readonly weight: number;
}

/** Whether a service is what `query` asks for; empty fields match any. */
export function matchesService(query: NetworkService, service: NetworkService): boolean {
  return (
    (query.name === '' || query.name === service.name) &&
    (query.payload === '' || query.payload === service.payload) &&
    (query.matches.length === 0 || isDeepStrictEqual(query.matches, service.matches))
  );
}

/** Whether an endpoint is what `query` asks for; a part of its URL suffices. */
export function matchesEndpoint(query: Endpoint, endpoint: Endpoint): boolean {
  return (
    (query.name === '' || query.name === endpoint.name) &&
    endpoint.url.includes(query.url) &&
    query.networkServiceNames.every((name) => endpoint.networkServiceNames.includes(name)) &&
    Object.entries(query.networkServiceLabels).every(([service, wanted]) =>
      hasLabels(labelsOf(endpoint, service), wanted.labels, {}),
    ) &&
    (query.expirationTime === undefined ||
      query.expirationTime.seconds === endpoint.expirationTime?.seconds)
  );
}

/** The endpoint's labels for one of its services. */
export function labelsOf(endpoint: Endpoint, service: string): Labels {
  const all = endpoint.networkServiceLabels;
  return Object.hasOwn(all, service) ? (all[service]?.labels ?? {}) : {};
}

/**
 * The endpoints that `labels` may have of `service`, each once, in the order
 * of the matches' routes: order is the only priority.
 */
export function candidates(
  service: NetworkService,
  endpoints: readonly Endpoint[],
  labels: Labels,
  nowMs: number,
): readonly Candidate[] {
  const alive = endpoints.filter(
    ({ expirationTime }) => expirationTime === undefined || timestampMs(expirationTime) > nowMs,
  );
  const all = alive.map((endpoint) => ({ endpoint, weight: 1 }));
  if (service.matches.length === 0) return all;
  for (const match of service.matches) {
    if (!hasLabels(labels, match.sourceSelector, labels)) continue;
    const found = routed(match, service.name, alive, labels);
    if (found.length > 0) return found;
    if (match.fallthrough) continue;
    // Such a match only chooses a forwarder.
    return match.metadata !== undefined && match.routes.length === 0 ? all : [];
  }
  return [];
}

function routed(match: Match, service: string, alive: readonly Endpoint[], labels: Labels) {
  const found = new Map<Endpoint, Candidate>();
  for (const route of match.routes) {
    for (const endpoint of alive) {
      if (found.has(endpoint)) continue;
      if (!hasLabels(labelsOf(endpoint, service), route.destinationSelector, labels)) continue;
      found.set(endpoint, { endpoint, weight: Math.max(route.weight, 1) });
    }
  }
  return [...found.values()];
}

/** What a match without metadata demands of a forwarder. */
const anyPointToPoint: Labels = { p2p: 'true' };

/** The forwarders that may carry a Request of `labels` for `service`; `key` is the forwarders' own service. */
export function forwardersFor(
  service: NetworkService,
  forwarders: readonly Endpoint[],
  labels: Labels,
  key: string,
): readonly Endpoint[] {
  if (service.matches.length === 0) return forwarders;
  for (const match of service.matches) {
    if (!hasLabels(labels, match.sourceSelector, labels)) continue;
    const wanted = match.metadata?.labels ?? anyPointToPoint;
    const found = forwarders.filter((one) => hasLabels(labelsOf(one, key), wanted, labels));
    if (found.length > 0 || !match.fallthrough) return found;
  }
  return [];
}

/**
 * Whether `have` has every label of `wanted`. A wanted value is taken
 * literally first, then as a template over `variables`.
 */
export function hasLabels(have: Labels, wanted: Labels, variables: Labels): boolean {
  return Object.entries(wanted).every(([key, value]) => {
    const held = Object.hasOwn(have, key) ? have[key] : '';
    return held === value || held === expand(value, variables);
  });
}

const action = /\{\{-?\s*\.([A-Za-z_][A-Za-z0-9_]*)\s*-?\}\}/g;

/** Go's text/template as far as selectors use it: `{{.key}}`. Anything else in braces leaves the text as it is. */
function expand(value: string, variables: Labels): string {
  if (!value.includes('{{')) return value;
  if (value.replaceAll(action, '').includes('{{')) return value;
  return value.replaceAll(action, (_all, key: string) =>
    Object.hasOwn(variables, key) ? (variables[key] ?? '') : '<no value>',
  );
}
