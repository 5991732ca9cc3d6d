// SPDX-License-Identifier: Apache-2.0
/** Policies for the benchmark, as values. */
import type { PolicyRule, SteeringPolicy } from '../../../api/site/types.js';

const nothing = {
  dscp: [],
  protocols: [],
  sourcePorts: [],
  destinationPorts: [],
  sources: [],
  destinations: [],
  clientLabels: {},
  identities: [],
};
const strict = { sla: undefined, fallback: [], strict: true };
const byName = (name: string, weight: number) => ({ name, class: undefined, weight });

/** Two links, each session on one of them by weight. */
export function weighted(fibre: number, lte: number): SteeringPolicy {
  const links = [byName('fibre', fibre), byName('lte', lte)];
  const classes = [{ name: 'both', links, ...strict }];
  return {
    name: 'weighted',
    services: ['wan'],
    classes,
    rules: [],
    httpRules: [],
    default: 'both',
  };
}

/** So many rules, of which only the last fits a blast's packets. */
export function ruled(count: number): SteeringPolicy {
  const misses = Array.from({ length: count - 1 }, (_, at): PolicyRule => {
    const low = String(at % 250);
    const high = String(Math.floor(at / 250));
    const match = {
      ...nothing,
      protocols: [at % 2 === 0 ? 6 : 17],
      destinationPorts: [{ from: 20_000 + at, to: 20_000 + at }],
      destinations: [`10.${high}.${low}.0/24`],
    };
    return { name: `miss-${String(at)}`, match, class: 'fibre', mark: undefined };
  });
  const match = {
    ...nothing,
    protocols: [17],
    destinationPorts: [{ from: 5000, to: 5999 }],
    destinations: ['192.0.2.0/24'],
  };
  const hit: PolicyRule = { name: 'hit', match, class: 'lte', mark: undefined };
  const classes = ['fibre', 'lte'].map((name) => {
    return { name, links: [byName(name, 1)], ...strict };
  });
  const rules = [...misses, hit];
  return { name: 'ruled', services: ['wan'], classes, rules, httpRules: [], default: 'fibre' };
}
