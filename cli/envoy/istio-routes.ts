// SPDX-License-Identifier: Apache-2.0
/** The routes of a VirtualService, as what http rules of a policy say. */
import { z } from 'zod';
import type { SiteDocument } from '../../api/site/document.js';
import { httpParts } from '../../api/site/http-schema.js';
import type { StringMatch } from '../../api/site/types.js';
import type { Path } from '../../api/site/yaml.js';
import { checkKeys, istioKeys } from './istio-keys.js';
import type { SubsetClass } from './istio-subsets.js';

/** One http rule, as a policy writes it. */
export interface RouteRule {
  readonly name: string;
  readonly http: {
    readonly headers?: Readonly<Record<string, StringMatch>>;
    readonly path?: StringMatch;
    readonly method?: string;
    readonly host?: string | readonly string[];
  };
  /** That of everything else where nothing is said. */
  readonly class: string | undefined;
}

/** What a VirtualService says. */
export interface RouteRules {
  readonly rules: readonly RouteRule[];
  /** The class of its route for all requests, if it has one with a subset. */
  readonly others: string | undefined;
}

const text = z.string({ error: 'a text' });
const mapping = z.looseObject({}, { error: 'a mapping' });
const list = z.array(z.unknown(), { error: 'a list of at least one' }).min(1, {
  error: 'a list of at least one',
});

interface Reading {
  readonly document: SiteDocument;
  readonly classOf: SubsetClass;
  /** Criteria that each of its rules has beside its own. */
  readonly hosts: readonly string[];
}

/** Reads one; with `several` in a file its rules are for its own hosts alone. */
export function readVirtualService(
  document: SiteDocument,
  classOf: SubsetClass,
  several: boolean,
): RouteRules {
  checkKeys(document, ['spec'], istioKeys.virtualService);
  const gateways = document.raw(['spec', 'gateways']);
  if (gateways !== undefined && JSON.stringify(gateways) !== '["mesh"]') {
    document.wrong(
      ['spec', 'gateways'],
      '[mesh], or none: a policy is for the clients of one site',
    );
  }
  document.read(list, ['spec', 'http']);
  const reading = { document, classOf, hosts: hostsOf(document, several) };
  const routes = document
    .indices(['spec', 'http'])
    .map((at) => readRoute(reading, ['spec', 'http', at], at));
  oneDestination(document, routes);
  const all = routes.findIndex((route) => route.all);
  const behind = all >= 0 ? routes[all + 1] : undefined;
  if (behind !== undefined) {
    const want = `no route here: http[${String(all)}] is for all requests, so none comes so far`;
    document.wrong(behind.path, want);
  }
  const rules = routes.flatMap(({ name, class: of, matches, all: every }) =>
    (every ? [] : matches).map((http, at) => ({
      name: matches.length > 1 ? `${name}-${String(at + 1)}` : name,
      http: { ...http, ...hostsMatch(reading.hosts, http.host) },
      class: of,
    })),
  );
  const last = routes[all];
  if (last === undefined) return { rules, others: undefined };
  if (reading.hosts.length === 0) return { rules, others: last.class };
  const rest = { name: last.name, http: hostsMatch(reading.hosts, undefined), class: last.class };
  return { rules: [...rules, rest], others: undefined };
}

function hostsOf(document: SiteDocument, several: boolean): readonly string[] {
  const path = ['spec', 'hosts'];
  document.read(list, path);
  const all = document.indices(path).map((at) => document.raw([...path, at]));
  if (!several || all.includes('*')) return [];
  return document.indices(path).flatMap((at) => document.read(httpParts.host, [...path, at]) ?? []);
}

/** A rule's own host is one of the VirtualService's, or no request has both. */
function hostsMatch(hosts: readonly string[], own: string | readonly string[] | undefined): object {
  if (own !== undefined) return { host: own };
  return hosts.length === 0 ? {} : { host: hosts.length === 1 ? hosts[0] : hosts };
}

interface Route {
  readonly path: Path;
  readonly name: string;
  /** It is for all requests. */
  readonly all: boolean;
  readonly matches: readonly RouteRule['http'][];
  readonly class: string | undefined;
  /** Host and port. */
  readonly to: string | undefined;
}

function readRoute(reading: Reading, path: Path, at: number): Route {
  const { document } = reading;
  document.read(mapping, path);
  checkKeys(document, path, istioKeys.route);
  const named = document.read(text.optional(), [...path, 'name']);
  const matches = document.indices([...path, 'match']).flatMap((index) => {
    const http = readMatch(document, [...path, 'match', index]);
    return http === undefined ? [] : [http];
  });
  const bare = document.raw([...path, 'match']) === undefined;
  if (!bare) document.read(list, [...path, 'match']);
  const destination = readDestination(reading, path);
  return {
    path,
    name: named ?? destination?.subset ?? `route-${String(at + 1)}`,
    all: bare || matches.some((http) => Object.keys(http).length === 0),
    matches,
    class: destination?.class,
    to: destination?.to,
  };
}

interface Destination {
  readonly subset: string | undefined;
  readonly class: string | undefined;
  readonly to: string;
}

function readDestination(reading: Reading, route: Path): Destination | undefined {
  const { document, classOf } = reading;
  const all = [...route, 'route'];
  if (document.read(list, all) === undefined) return undefined;
  if (document.indices(all).length > 1) {
    const want = 'one destination: shares of sessions are weights of the links of a class';
    document.wrong(all, want);
  }
  const path = [...all, 0];
  document.read(mapping, path);
  checkKeys(document, path, istioKeys.destination);
  const weight = document.raw([...path, 'weight']);
  if (weight !== undefined && weight !== 100) document.wrong([...path, 'weight'], '100, or none');
  const to = [...path, 'destination'];
  document.read(mapping, to);
  checkKeys(document, to, istioKeys.target);
  const host = document.read(text, [...to, 'host']);
  const subset = document.read(text.optional(), [...to, 'subset']);
  if (host === undefined) return undefined;
  const of = subset === undefined ? undefined : classOf(document, [...to, 'subset'], host, subset);
  return { subset, class: of, to: `${host} ${JSON.stringify(document.raw([...to, 'port']))}` };
}

/** Which service a request goes to is not what a policy says. */
function oneDestination(document: SiteDocument, routes: readonly Route[]): void {
  const [first] = routes;
  for (const { to, path } of routes) {
    if (to === undefined || first?.to === undefined || to === first.to) continue;
    const want =
      'the host and port of the first route: wanwire chooses links, it does not choose services';
    document.wrong([...path, 'route', 0, 'destination', 'host'], want);
  }
}

/** Nothing where it has a mistake: what is left of it would fit too much. */
function readMatch(document: SiteDocument, path: Path): RouteRule['http'] | undefined {
  const before = document.mistakes.length;
  if (document.read(mapping, path) === undefined) return undefined;
  checkKeys(document, path, istioKeys.match);
  document.read(text.optional(), [...path, 'name']);
  const uri = readText(document, [...path, 'uri'], httpParts.path);
  const method = readExact(document, [...path, 'method'], httpParts.method);
  const host = readExact(document, [...path, 'authority'], httpParts.host);
  const headers = readHeaders(document, [...path, 'headers']);
  if (document.mistakes.length > before) return undefined;
  return {
    ...(headers !== undefined && { headers }),
    ...(uri !== undefined && { path: uri }),
    ...(method !== undefined && { method }),
    ...(host !== undefined && { host }),
  };
}

function readText(
  document: SiteDocument,
  path: Path,
  schema: typeof httpParts.path | typeof httpParts.header,
): StringMatch | undefined {
  if (document.raw(path) === undefined) return undefined;
  const before = document.mistakes.length;
  if (document.read(mapping, path) === undefined) return undefined;
  checkKeys(document, path, istioKeys.text);
  return document.mistakes.length > before ? undefined : document.read(schema, path);
}

/** Of methods and hosts a policy has words, no patterns. */
function readExact(
  document: SiteDocument,
  path: Path,
  schema: typeof httpParts.method,
): string | undefined {
  if (document.raw(path) === undefined) return undefined;
  const keys = document.keys(path);
  if (keys.length === 1 && keys[0] === 'exact') return document.read(schema, [...path, 'exact']);
  document.wrong(path, 'a mapping such as {exact: ...}: no pattern is possible here');
  return undefined;
}

function readHeaders(document: SiteDocument, path: Path): RouteRule['http']['headers'] {
  if (document.raw(path) === undefined) return undefined;
  if (document.read(mapping, path) === undefined) return undefined;
  const found: Record<string, StringMatch> = {};
  for (const key of document.keys(path)) {
    const { success, data, error } = httpParts.headerName.safeParse(key);
    if (!success) {
      document.wrongKey([...path, key], error.issues[0]?.message ?? '');
      continue;
    }
    if (Object.hasOwn(found, data)) document.wrongKey([...path, key], 'each header once');
    const at = [...path, key];
    const bare = document.keys(at).length === 0 && typeof document.raw(at) === 'object';
    const match = bare ? { present: true as const } : readText(document, at, httpParts.header);
    if (match !== undefined) found[data] = match;
  }
  return found;
}
