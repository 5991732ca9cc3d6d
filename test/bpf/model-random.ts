// SPDX-License-Identifier: Apache-2.0
/** Policies and packets from a seed: prefixes that hold each other, packets that often fit. */
import type { PolicyRule, PortRange, RuleMatch, SteeringPolicy } from '../../api/site/types.js';
import { addressBytes, type ModelPacket } from './model.js';

/** Numbers below 1, the same for the same seed. */
export type Random = () => number;

/** A generator of 32 bits of state. */
export function seeded(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A whole number from 0 to `below` - 1. */
export function below(random: Random, limit: number): number {
  return Math.floor(random() * limit);
}

/** One of a list. */
export function pick<T>(random: Random, from: readonly T[]): T {
  const item = from[below(random, from.length)];
  if (item === undefined) throw new RangeError('nothing to pick from');
  return item;
}

const withPorts = [6, 6, 6, 17, 17, 132];
const protocols = [...withPorts, 1, 58, 47];
const dscps = [0, 8, 10, 26, 34, 44, 46];
const lengths4 = [0, 4, 8, 12, 16, 20, 24, 28, 31, 32];
const lengths6 = [0, 16, 32, 48, 56, 64, 96, 127, 128];

/** Labels that rules ask for and clients have. */
export const labelSets = [
  {},
  { app: 'sensor' },
  { app: 'camera' },
  { app: 'sensor', tier: 'gold' },
  { tier: 'gold' },
] as const;

/** A policy with so many rules, of classes a to d. Of many each asks for more, or the first would do for all. */
export function randomPolicy(random: Random, rules: number): SteeringPolicy {
  const criteria = rules > 300 ? 4 : rules > 20 ? 3 : rules > 5 ? 2 : 1;
  const className = (): string => pick(random, ['a', 'b', 'c', 'd']);
  return {
    name: 'random',
    services: ['wan'],
    classes: ['a', 'b', 'c', 'd'].map((name) => ({
      name,
      links: [{ name: undefined, class: name, weight: 1 }],
      sla: undefined,
      fallback: [],
      strict: false,
    })),
    rules: Array.from({ length: rules }, (_, at): PolicyRule => {
      const mark = random() < 0.2 ? pick(random, dscps) : undefined;
      return {
        name: `rule-${String(at)}`,
        match: randomMatch(random, criteria),
        class: className(),
        mark,
      };
    }),
    httpRules: [],
    default: 'd',
  };
}

function randomMatch(random: Random, criteria: number): RuleMatch {
  for (;;) {
    const some = <T>(chance: number, one: () => T): T[] =>
      random() < chance ? Array.from({ length: 1 + below(random, 3) }, one) : [];
    const match: RuleMatch = {
      dscp: some(0.3, () => pick(random, dscps)),
      protocols: some(0.4, () => pick(random, protocols)),
      sourcePorts: some(0.1, () => randomPorts(random)),
      destinationPorts: some(0.4, () => randomPorts(random)),
      sources: some(0.3, () => randomPrefix(random)),
      destinations: some(0.4, () => randomPrefix(random)),
      clientLabels: random() < 0.2 ? pick(random, labelSets) : {},
      identities: [],
    };
    const asked = Object.values(match).filter((one: object) => Object.keys(one).length > 0);
    if (asked.length >= criteria) return match;
  }
}

function randomPorts(random: Random): PortRange {
  const kind = random();
  if (kind < 0.05) return { from: 0, to: 65535 };
  const from = below(random, 65536);
  if (kind < 0.5) return { from, to: from };
  return { from, to: Math.min(65535, from + below(random, 5000)) };
}

function randomPrefix(random: Random): string {
  const six = random() < 0.4;
  const length = pick(random, six ? lengths6 : lengths4);
  const bytes = randomAddress(random, six).map((byte, at) => {
    const kept = Math.min(Math.max(length - 8 * at, 0), 8);
    return byte & (0xff00 >> kept);
  });
  return `${addressText(bytes)}/${String(length)}`;
}

/** Of few values in each byte, so that prefixes hold each other and addresses come again. */
function randomAddress(random: Random, six: boolean): number[] {
  const last = (): number => pick(random, [0, 1, 2, 3, 0x80, 0xff]);
  if (!six) return [10, pick(random, [0, 60, 61, 128]), last(), last()];
  const middle = Array.from({ length: 12 }, () => (random() < 0.8 ? 0 : last()));
  return [0xfd, pick(random, [0, 0x60]), ...middle, last(), last()];
}

/** The usual text of an address, IPv6 in full. */
export function addressText(bytes: readonly number[]): string {
  if (bytes.length === 4) return bytes.join('.');
  const words = Array.from({ length: 8 }, (_, at) =>
    (((bytes[2 * at] ?? 0) << 8) | (bytes[2 * at + 1] ?? 0)).toString(16),
  );
  return words.join(':');
}

/** A packet; most are made to fit one of the rules in each field. */
export function randomPacket(random: Random, policy: SteeringPolicy): ModelPacket {
  const match = policy.rules.length > 0 ? pick(random, policy.rules).match : undefined;
  const fitting = random() < 0.85 ? match : undefined;
  const one = <T>(from: readonly T[] | undefined, other: () => T): T =>
    from !== undefined && from.length > 0 ? pick(random, from) : other();
  const asked = [...(fitting?.sources ?? []), ...(fitting?.destinations ?? [])];
  const six = asked.length > 0 ? pick(random, asked).includes(':') : random() < 0.4;
  const address = (prefixes: readonly string[] | undefined): Uint8Array => {
    const own = prefixes?.filter((prefix) => prefix.includes(':') === six);
    const around = one(own, () => `${six ? '::' : '0.0.0.0'}/0`);
    return within(random, around, randomAddress(random, six));
  };
  const port = (ranges: readonly PortRange[] | undefined): number => {
    const { from, to } = one(ranges, () => randomPorts(random));
    return from + below(random, to - from + 1);
  };
  const needsPorts = (fitting?.sourcePorts.length ?? 0) + (fitting?.destinationPorts.length ?? 0);
  const protocol = one(fitting?.protocols, () =>
    pick(random, needsPorts > 0 ? withPorts : protocols),
  );
  const ports = {
    source: port(fitting?.sourcePorts),
    destination: port(fitting?.destinationPorts),
  };
  return {
    source: address(fitting?.sources),
    destination: address(fitting?.destinations),
    protocol,
    dscp: one(fitting?.dscp, () => pick(random, dscps)),
    ports: withPorts.includes(protocol) ? ports : undefined,
  };
}

/** An address that begins as the prefix and goes on as another. */
function within(random: Random, prefix: string, other: readonly number[]): Uint8Array {
  const [text = '', length = '0'] = prefix.split('/');
  const bytes = addressBytes(text).map((byte, at) => {
    const kept = Math.min(Math.max(Number(length) - 8 * at, 0), 8);
    const mask = (0xff00 >> kept) & 0xff;
    return (byte & mask) | ((other[at] ?? below(random, 256)) & ~mask & 0xff);
  });
  return Uint8Array.from(bytes);
}
