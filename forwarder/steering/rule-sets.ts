// SPDX-License-Identifier: Apache-2.0
/**
 * The rule sets in force, one for each service. A service that no policy is
 * for has one without rules, which uses every strand alike. A service keeps
 * its place in the tables as long as it is known.
 */
import type { ServicePolicy } from '../../api/site/classes.js';
import type { SteeringPolicy } from '../../api/site/types.js';
import { limits } from '../../bpf/loader/layout.js';
import type { RuleSet } from './bank.js';
import { compile } from './compile.js';
import { Numbers } from './numbers.js';
import type { Plane } from './plane.js';
import { SlaNumbers, type NumberedSla } from './sla-numbers.js';

const any: SteeringPolicy = {
  name: '',
  services: [],
  classes: [
    {
      name: 'any',
      links: [{ name: undefined, class: undefined, weight: 1 }],
      sla: undefined,
      fallback: [],
      strict: false,
    },
  ],
  rules: [],
  httpRules: [],
  default: 'any',
};

/** Where the rule set without rules stands. */
const anyId = 0;

/** See the head of this file. */
export class RuleSets {
  readonly #ids = new Numbers('services with a policy', limits.policies);
  readonly #sets = new Map<string, RuleSet>();
  readonly #slas = new SlaNumbers();

  constructor(plane: Plane, policies: readonly ServicePolicy[]) {
    for (const [row, { service = '' }] of plane.namesOf('ruleset')) {
      const id = row % limits.policies;
      if (id !== anyId) this.#ids.take(id, service);
    }
    const compiled = compile(any);
    this.#sets.set('', { id: anyId, service: '', policy: any, compiled, slas: new Map() });
    this.set(policies, new Set());
  }

  get all(): readonly RuleSet[] {
    return [...this.#sets.values()];
  }

  /** What the classes in force promise, by the numbers that tables have for it. */
  get slas(): readonly NumberedSla[] {
    return this.#slas.all;
  }

  /** The rule set of a service. */
  get(service: string): RuleSet {
    const found = this.#sets.get(service) ?? this.#sets.get('');
    if (found === undefined) throw new TypeError('the rule set without rules is missing');
    return found;
  }

  /**
   * These policies. A service that has none any more, but wires that use its
   * rule set (`inUse`), keeps it, without rules, until they are told.
   */
  set(policies: readonly ServicePolicy[], inUse: ReadonlySet<number>): void {
    // Compiled before anything is changed: what fails leaves all as it was.
    const wanted = policies.map(({ service, policy }) => {
      return { service, policy, compiled: compile(policy) };
    });
    this.#slas.set(policies.map(({ policy }) => policy));
    const services = new Set(wanted.map(({ service }) => service));
    for (const { service, id } of this.all) {
      if (service === '' || services.has(service)) continue;
      this.#sets.delete(service);
      if (inUse.has(id)) this.#sets.set(service, { ...this.get(''), id, service });
      else this.#ids.free(id);
    }
    for (const one of wanted) {
      const slas = this.#slas.of(one.policy);
      this.#sets.set(one.service, { ...one, id: this.#ids.of(one.service), slas });
    }
  }
}
