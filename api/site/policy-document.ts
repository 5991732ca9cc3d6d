// SPDX-License-Identifier: Apache-2.0
/** Reads a `kind: SteeringPolicy` document: its pieces, and whether they go together. */
import { nearest } from '../env/nearest.js';
import { isPrefix6 } from './addresses.js';
import type { Piece, SiteDocument } from './document.js';
import { metadata, word } from './fields.js';
import { type ClassText, policyClass, policySpec, rule, type RuleText } from './policy-schema.js';
import { repeated } from './repeated.js';
import { protocolsWithPorts } from './traffic.js';
import type { HttpRule, PolicyClass, PolicyRule, RuleMatch, SteeringPolicy } from './types.js';
import type { Path } from './yaml.js';

/** What of a Site its policies name. */
export interface KnownLinks {
  readonly names: ReadonlySet<string>;
  readonly classes: ReadonlySet<string>;
}

/** A set of rules is 1024 bits, of which the last is the default class. */
const mostRules = 1023;
/** Each class of a policy gives a service of its own, and services are 15 at most. */
const mostClasses = 14;

/** The policy; nothing where it has a mistake. Without `links` nobody can tell which there are. */
export function readPolicy(
  document: SiteDocument,
  links: KnownLinks | undefined,
): SteeringPolicy | undefined {
  const name = document.read(metadata, ['metadata'])?.name;
  const spec = document.read(policySpec, ['spec']);
  const classes = document.values(policyClass, ['spec', 'classes']);
  const rules = document.items(rule, ['spec', 'rules']);
  const known = new Set(document.keys(['spec', 'classes']));
  const checks = { document, known, links };
  checkClasses(checks, classes);
  checkRules(checks, rules);
  if (spec !== undefined) {
    checkClassName(checks, ['spec', 'default'], spec.default);
    repeated(
      spec.services.map((text, at) => ({ text, at })),
      ({ text }) => text,
      ({ at }) => document.wrong(['spec', 'services', at], 'each service once'),
    );
  }
  if (name === undefined || spec === undefined || document.mistakes.length > 0) return undefined;
  const http = rules.filter(({ value }) => value.match.http !== undefined);
  return {
    name,
    services: spec.services,
    classes: classes.map(toClass),
    rules: rules.filter((one) => !http.includes(one)).map(toRule),
    httpRules: http.flatMap(toHttpRule),
    default: spec.default,
  };
}

function toClass({ path, value }: Piece<ClassText>): PolicyClass {
  const { links, sla, fallback, strict } = value;
  const name = String(path.at(-1));
  return {
    name,
    links: (links ?? [{ class: name, weight: 1 }]).map((one) => ({
      name: undefined,
      class: undefined,
      ...one,
    })),
    sla: sla && { rttMs: sla.rttMs, jitterMs: sla.jitterMs, lossPercent: sla.lossPercent },
    fallback,
    strict,
  };
}

function toRule({ value }: Piece<RuleText>): PolicyRule {
  const { protocol: protocols, identity: identities, http: _, ...match } = value.match;
  return {
    name: value.name,
    match: { ...match, protocols, identities },
    class: value.class,
    mark: value.mark?.dscp,
  };
}

function toHttpRule({ value }: Piece<RuleText>): HttpRule[] {
  const { name, match, class: of, mark } = value;
  return match.http === undefined ? [] : [{ name, match: match.http, class: of, mark: mark?.dscp }];
}

interface Checks {
  readonly document: SiteDocument;
  /** Classes that the policy lists, also with a mistake. */
  readonly known: ReadonlySet<string>;
  readonly links: KnownLinks | undefined;
}

function checkClassName({ document, known, links }: Checks, path: Path, name: string): void {
  // Without a Site any other name may be a link's class.
  if (links === undefined || known.has(name) || links.classes.has(name)) return;
  document.wrong(path, oneOf('a class', name, [...known, ...links.classes]));
}

function oneOf(what: string, given: string, known: Iterable<string>): string {
  const names = [...new Set(known)];
  const near = nearest(given, names);
  const meant = near === undefined ? '' : ` (did you mean ${near}?)`;
  return `${what}: ${names.join(', ')}${meant}`;
}

function checkClasses(checks: Checks, classes: readonly Piece<ClassText>[]): void {
  const { document, known, links } = checks;
  if (known.size > mostClasses) {
    document.wrong(['spec', 'classes'], `at most ${String(mostClasses)} classes`);
  }
  for (const name of known) {
    const { success, error } = word.safeParse(name);
    if (!success) document.wrongKey(['spec', 'classes', name], error.issues[0]?.message ?? '');
  }
  for (const { path, value } of classes) {
    for (const [at, one] of (value.links ?? []).entries()) {
      const where = [...path, 'links', at];
      if (one.class !== undefined) checkClassName(checks, [...where, 'class'], one.class);
      if (one.name !== undefined && links?.names.has(one.name) === false) {
        document.wrong([...where, 'name'], oneOf('a link', one.name, links.names));
      }
    }
    for (const [at, name] of value.fallback.entries()) {
      const where = [...path, 'fallback', at];
      checkClassName(checks, where, name);
      if (value.fallback.indexOf(name) < at) document.wrong(where, 'each class once');
    }
  }
  checkCycles(document, classes);
}

/** Each class that can be reached from itself is told at the fallback that begins the way. */
function checkCycles(document: SiteDocument, classes: readonly Piece<ClassText>[]): void {
  const next = new Map(classes.map(({ path, value }) => [String(path.at(-1)), value.fallback]));
  const wayTo = (to: string, from: string, seen: Set<string>): string[] | undefined => {
    if (from === to) return [to];
    if (seen.has(from)) return undefined;
    seen.add(from);
    for (const one of next.get(from) ?? []) {
      const way = wayTo(to, one, seen);
      if (way !== undefined) return [from, ...way];
    }
    return undefined;
  };
  for (const { path, value } of classes) {
    const name = String(path.at(-1));
    for (const [at, first] of value.fallback.entries()) {
      const way = wayTo(name, first, new Set());
      if (way === undefined) continue;
      const want = `classes that do not lead back (${[name, ...way].join(' > ')})`;
      document.wrong([...path, 'fallback', at], want);
    }
  }
}

function checkRules(checks: Checks, rules: readonly Piece<RuleText>[]): void {
  const { document } = checks;
  if (document.indices(['spec', 'rules']).length > mostRules) {
    document.wrong(['spec', 'rules'], `at most ${String(mostRules)} rules`);
  }
  repeated(
    rules,
    ({ value }) => value.name,
    ({ path }, _, first) =>
      document.wrong(
        [...path, 'name'],
        `a name that rules[${String(first.path.at(-1))}] does not have`,
      ),
  );
  for (const { path, value } of rules) {
    checkClassName(checks, [...path, 'class'], value.class);
    const { protocol, identity, http, ...others } = value.match;
    const criteria = { ...others, protocols: protocol, identities: identity };
    const want = http === undefined ? impossible(criteria) : notAlone(criteria);
    if (want !== undefined) document.wrong([...path, 'match'], want);
    const headers = [...path, 'match', 'http', 'headers'];
    repeated(
      document.keys(headers),
      (header) => header.toLowerCase(),
      (header) => document.wrongKey([...headers, header], 'each header once'),
    );
  }
}

/** An http rule is Envoy's, and Envoy does not look at packets. */
function notAlone(match: RuleMatch): string | undefined {
  if (isEmpty(match)) return undefined;
  return 'http alone: what it says is looked at by Envoy, all else in the packets that Envoy sends';
}

function isEmpty(match: RuleMatch): boolean {
  return Object.values(match).every((one: object) => Object.keys(one).length === 0);
}

/** What would be right where no packet, or each, would fit. */
function impossible(match: RuleMatch): string | undefined {
  const { sources, destinations, protocols, sourcePorts, destinationPorts } = match;
  if (isEmpty(match)) {
    return 'at least one criterion: such a rule would fit everything, and that is what `default` is for';
  }
  const ports = sourcePorts.length + destinationPorts.length > 0;
  if (ports && protocols.length > 0 && !protocols.some((one) => protocolsWithPorts.has(one))) {
    return 'ports with a protocol that has ports (tcp, udp, sctp, dccp, udplite), or with none';
  }
  if (sources.length > 0 && destinations.length > 0) {
    const both = [false, true].some(
      (six) =>
        sources.some((one) => isPrefix6(one) === six) &&
        destinations.some((one) => isPrefix6(one) === six),
    );
    if (!both) return 'sources and destinations of the same family: no packet has one of each';
  }
  return undefined;
}
