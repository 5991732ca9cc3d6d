// SPDX-License-Identifier: Apache-2.0
/**
 * Whether policies go together and with a site's links. A site's file is checked
 * as it is read; this is for policies that were read without it.
 */
import { status } from '@grpc/grpc-js';
import { nearest } from '../../api/env/nearest.js';
import { invalid, WireError } from '../../api/errors/wire-error.js';
import { servicesOf } from '../../api/site/classes.js';
import type { SiteFiles, SteeringPolicy } from '../../api/site/types.js';
import { limits } from '../../bpf/loader/layout.js';
import { slaMistakes } from '../steering/sla-numbers.js';

/** One rule set is for services without a policy. */
const mostServices = limits.policies - 1;

/** Throws all mistakes at once. */
export function checkPolicies(files: SiteFiles): void {
  const mistakes = [
    ...files.policies.flatMap((one) => names(one, files)),
    ...services(files),
    ...slaMistakes(files.policies),
  ];
  if (mistakes.length > 0) throw new WireError(status.INVALID_ARGUMENT, mistakes.join('\n'));
}

function names(policy: SteeringPolicy, { site }: SiteFiles): string[] {
  const classes = new Set([
    ...policy.classes.map(({ name }) => name),
    ...site.links.map((link) => link.class),
  ]);
  const links = new Set(site.links.map(({ name }) => name));
  const wrong = (field: string, name: string, what: string, known: ReadonlySet<string>) =>
    known.has(name)
      ? []
      : [invalid(`policy ${policy.name}: ${field}`, name, oneOf(what, name, known)).message];
  const isClass = (field: string, name: string) => wrong(field, name, 'a class', classes);
  return [
    ...policy.classes.flatMap(({ name, links: own, fallback }) => [
      ...own.flatMap((link) => [
        ...(link.name === undefined ? [] : wrong(`links of ${name}`, link.name, 'a link', links)),
        ...(link.class === undefined ? [] : isClass(`links of ${name}`, link.class)),
      ]),
      ...fallback.flatMap((one) => isClass(`fallback of ${name}`, one)),
    ]),
    ...policy.rules.flatMap((rule) => isClass(`class of rule ${rule.name}`, rule.class)),
    ...isClass('default', policy.default),
  ];
}

function services(files: SiteFiles): string[] {
  const all = servicesOf(files);
  const first = new Map<string, string>();
  const mistakes: string[] = [];
  for (const policy of files.policies) {
    for (const { service } of servicesOf({ ...files, policies: [policy] })) {
      const other = first.get(service);
      if (other === undefined) first.set(service, policy.name);
      else {
        const want = `a service that policy ${other} does not make`;
        mistakes.push(invalid(`policy ${policy.name}: services`, service, want).message);
      }
    }
  }
  if (all.length > mostServices) {
    const want = `at most ${String(mostServices)}, those for each class counted`;
    mistakes.push(invalid('services', all.length, want).message);
  }
  return mistakes;
}

function oneOf(what: string, given: string, known: ReadonlySet<string>): string {
  const near = nearest(given, known);
  const meant = near === undefined ? '' : ` (did you mean ${near}?)`;
  return `${what}: ${[...known].join(', ')}${meant}`;
}
