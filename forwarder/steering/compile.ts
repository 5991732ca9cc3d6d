// SPDX-License-Identifier: Apache-2.0
/**
 * A policy as the tables of `wire.h`: for each field of a packet the set of
 * rules that it fits. Pure; `test/bpf/model.ts` says the same without tables.
 */
import { spiffePattern, type SpiffePattern } from '../../api/identity/spiffe-id.js';
import { classNames } from '../../api/site/classes.js';
import type { RuleMatch, SteeringPolicy } from '../../api/site/types.js';
import { dimensions, limits, noMark } from '../../bpf/loader/layout.js';
import { addressPrefix, type Entry, portPrefixes, Prefixes } from './criteria.js';
import { addRule, noRules, type RuleBits, wordsOf } from './criteria-bits.js';

/** An entry of the map `criteria`. */
export interface Criterion {
  /** One of `dimensions`. */
  readonly dimension: number;
  /** Bits after the table's 32. */
  readonly length: number;
  /** An address or a port, from its highest byte on. */
  readonly data: Uint8Array;
  /** struct ww_bits. */
  readonly bits: readonly bigint[];
}

/** What one bank holds of a policy. */
export interface CompiledRules {
  /** In the policy's order. */
  readonly rules: readonly { readonly classId: number; readonly mark: number }[];
  readonly defaultClass: number;
  /** The index of a class is its id. */
  readonly classNames: readonly string[];
  /** Bits 1 << dimension of those that a rule asks for. */
  readonly dimensionsMask: number;
  readonly criteria: readonly Criterion[];
  /** By DSCP, and by 64 + IP protocol; what is not in it is not looked up. */
  readonly exact: ReadonlyMap<number, readonly bigint[]>;
  /** The rules that labels and the SPIFFE ID of a client allow; it has none where not given. */
  readonly labelBits: (
    labels: Readonly<Record<string, string>>,
    identity?: string,
  ) => readonly bigint[];
}

/** Where protocols begin in the map `exact`. */
const protocolsAt = 64;

/** The tables of a policy. */
export function compile(policy: SteeringPolicy): CompiledRules {
  const names = classNames(policy);
  const classIds = new Map(names.map((name, at) => [name, at]));
  const classId = (name: string): number => classIds.get(name) ?? 0;
  const matches = policy.rules.map(({ match }) => match);
  if (matches.length >= limits.rules) {
    throw new RangeError(`a policy has at most ${String(limits.rules - 1)} rules`);
  }
  const fields = [
    ...addressFields('sources', dimensions.source4, dimensions.source6, matches),
    ...addressFields('destinations', dimensions.destination4, dimensions.destination6, matches),
    ...portField('sourcePorts', dimensions.sourcePort, matches),
    ...portField('destinationPorts', dimensions.destinationPort, matches),
  ];
  const dscp = exactField('dscp', protocolsAt, 0, matches);
  const protocol = exactField('protocols', limits.exact - protocolsAt, protocolsAt, matches);
  const labelled = matches.some(
    ({ clientLabels, identities }) => Object.keys(clientLabels).length + identities.length > 0,
  );
  const patterns = matches.map(({ identities }) => identities.map((one) => spiffePattern(one)));
  const used = [
    ...fields.map(({ dimension }) => dimension),
    ...(dscp.size > 0 ? [dimensions.dscp] : []),
    ...(protocol.size > 0 ? [dimensions.protocol] : []),
    ...(labelled ? [dimensions.labels] : []),
  ];
  return {
    rules: policy.rules.map((rule) => ({
      classId: classId(rule.class),
      mark: rule.mark ?? noMark,
    })),
    defaultClass: classId(policy.default),
    classNames: names,
    dimensionsMask: used.reduce((mask, dimension) => mask | (1 << dimension), 0),
    criteria: fields.flatMap(({ dimension, entries }) =>
      entries.map(({ length, data, bits }) => ({ dimension, length, data, bits: wordsOf(bits) })),
    ),
    exact: new Map([...dscp, ...protocol]),
    labelBits: (labels, identity) => {
      const bits = noRules();
      for (const [at, { clientLabels }] of matches.entries()) {
        const fits = hasLabels(labels, clientLabels) && isOneOf(identity, patterns[at] ?? []);
        if (fits) addRule(bits, at);
      }
      return wordsOf(bits);
    },
  };
}

type Matches = readonly RuleMatch[];

/** The rules whose match is so. */
function bitsOf(matches: Matches, isSo: (match: RuleMatch) => boolean): RuleBits {
  const bits = noRules();
  for (const [at, match] of matches.entries()) if (isSo(match)) addRule(bits, at);
  return bits;
}

interface Field {
  readonly dimension: number;
  readonly entries: readonly Entry[];
}

/** Both families, or neither: a rule with sources of one must not fit packets of the other. */
function addressFields(
  field: 'sources' | 'destinations',
  dimension4: number,
  dimension6: number,
  matches: Matches,
): readonly Field[] {
  const others = bitsOf(matches, (match) => match[field].length === 0);
  if (matches.every((match) => match[field].length === 0)) return [];
  const four = new Prefixes(4, others);
  const six = new Prefixes(16, others);
  for (const [at, match] of matches.entries()) {
    for (const text of match[field]) {
      const prefix = addressPrefix(text);
      (prefix.data.length === 4 ? four : six).add(prefix, at);
    }
  }
  return [
    { dimension: dimension4, entries: four.entries() },
    { dimension: dimension6, entries: six.entries() },
  ];
}

function portField(
  field: 'sourcePorts' | 'destinationPorts',
  dimension: number,
  matches: Matches,
): readonly Field[] {
  if (matches.every((match) => match[field].length === 0)) return [];
  const ports = new Prefixes(
    2,
    bitsOf(matches, (match) => match[field].length === 0),
  );
  for (const [at, match] of matches.entries()) {
    for (const range of match[field]) {
      for (const prefix of portPrefixes(range)) ports.add(prefix, at);
    }
  }
  return [{ dimension, entries: ports.entries() }];
}

function exactField(
  field: 'dscp' | 'protocols',
  size: number,
  from: number,
  matches: Matches,
): ReadonlyMap<number, readonly bigint[]> {
  // Rules without any criterion need a dimension to be found in: protocol, which every packet has.
  const none = field === 'protocols' && matches.some((match) => isEmpty(match));
  if (!none && matches.every((match) => match[field].length === 0)) return new Map();
  const others = bitsOf(matches, (match) => match[field].length === 0);
  const bits = Array.from({ length: size }, () => Uint32Array.from(others));
  for (const [at, match] of matches.entries()) {
    for (const value of match[field]) addRule(bits[value] ?? others, at);
  }
  return new Map(bits.map((of, value) => [from + value, wordsOf(of)]));
}

function isEmpty(match: RuleMatch): boolean {
  return Object.values(match).every((one: object) => Object.keys(one).length === 0);
}

function hasLabels(
  labels: Readonly<Record<string, string>>,
  wanted: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(wanted).every(
    ([key, value]) => Object.hasOwn(labels, key) && labels[key] === value,
  );
}

function isOneOf(identity: string | undefined, patterns: readonly SpiffePattern[]): boolean {
  if (patterns.length === 0) return true;
  return identity !== undefined && patterns.some((one) => one.matches(identity));
}
