// SPDX-License-Identifier: Apache-2.0
/** Which services a site's files make, and what a class means that a policy does not list. */
import type { PolicyClass, SiteFiles, SteeringPolicy } from './types.js';

/** One network service of the site, without the site's name, and what steers its wires. */
export interface ServicePolicy {
  readonly service: string;
  readonly policy: SteeringPolicy;
}

/** The service of a site that says nothing of services. */
const plainService = 'wan';

/** Steers where no policy does: every link alike. */
const everyLink: SteeringPolicy = {
  name: 'every-link',
  services: [plainService],
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

/**
 * One for each service, in order: those of the policies (`wan`, with every link
 * alike, where there are none), then for each class of a policy and of links one
 * that is pinned to it, such as `wan-bulk`: the class is its default, and it has no rules.
 */
export function servicesOf(files: SiteFiles): readonly ServicePolicy[] {
  const policies = files.policies.length > 0 ? files.policies : [everyLink];
  const steered = policies.flatMap((policy) =>
    policy.services.map((service) => ({ service, policy })),
  );
  const ofLinks = files.site.links.map((link) => link.class);
  const pinned = steered.flatMap(({ service, policy }) => {
    const ofPolicy = policy === everyLink ? [] : classNames(policy);
    return [...new Set([...ofPolicy, ...ofLinks])].map((name) => {
      const own = pinnedService(service, name);
      return {
        service: own,
        policy: { ...policy, services: [own], rules: [], httpRules: [], default: name },
      };
    });
  });
  return [...steered, ...pinned];
}

/** Such as `wan-bulk`. */
export function pinnedService(service: string, className: string): string {
  return `${service}-${className}`;
}

/** A class by its name; one that the policy does not list is that of the links of this class. */
export function classOf(policy: SteeringPolicy, name: string): PolicyClass {
  return (
    policy.classes.find((one) => one.name === name) ?? {
      name,
      links: [{ name: undefined, class: name, weight: 1 }],
      sla: undefined,
      fallback: [],
      strict: false,
    }
  );
}

/** The classes a policy names, each once: listed, used by a rule, by default or as a fallback. */
export function classNames(policy: SteeringPolicy): readonly string[] {
  return [
    ...new Set([
      ...policy.classes.map(({ name }) => name),
      ...policy.rules.map((rule) => rule.class),
      ...policy.httpRules.map((rule) => rule.class),
      policy.default,
      ...policy.classes.flatMap(({ fallback }) => fallback),
    ]),
  ];
}
