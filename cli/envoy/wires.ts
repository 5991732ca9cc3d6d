// SPDX-License-Identifier: Apache-2.0
/** Which of a pod's wires is of which class: the services that a policy pins say it. */
import { nearest } from '../../api/env/nearest.js';
import { invalid } from '../../api/errors/wire-error.js';
import { pinnedService } from '../../api/site/classes.js';
import type { SteeringPolicy } from '../../api/site/types.js';
import { parseNetworkServiceUrls, shape } from '../../api/annotation/network-service-url.js';

/** Interfaces of a pod by the class that its wire is pinned to. */
export type ClassWires = ReadonlyMap<string, string>;

/** The wires of `text`; throws where it cannot be read, or an interface that is needed has no name. */
export function classWires(policy: SteeringPolicy, text: string): ClassWires {
  const found = new Map<string, string>();
  for (const { service, interfaceName, url } of read(text)) {
    const name = service.split('@')[0] ?? '';
    const of = policy.services.find((one) => name.startsWith(pinnedService(one, '')));
    if (of === undefined) continue;
    const pinned = name.slice(pinnedService(of, '').length);
    if (interfaceName === undefined) {
      throw invalid('--network-services', url, `an interface's name: kernel://${service}/nsm-1`);
    }
    if (!found.has(pinned)) found.set(pinned, interfaceName);
  }
  return found;
}

function read(text: string) {
  try {
    return parseNetworkServiceUrls(text);
  } catch (reason) {
    const why = reason instanceof Error ? ` (${reason.message})` : '';
    throw invalid('--network-services', text, `${shape}${why}`);
  }
}

/** Throws where an http rule's class has no wire: its requests would go wherever routes lead. */
export function checkWires(policy: SteeringPolicy, wires: ReadonlyMap<string, string>): void {
  const without = policy.httpRules.filter((rule) => !wires.has(rule.class));
  const [first] = without;
  if (first === undefined) return;
  const rules = without.filter((rule) => rule.class === first.class).map(({ name }) => name);
  const service = pinnedService(policy.services[0] ?? '', first.class);
  const near = nearest(first.class, wires.keys());
  const there =
    wires.size === 0 ? 'none' : [...wires].map(([of, at]) => `${of} (${at})`).join(', ');
  throw invalid(
    `policy ${policy.name}`,
    first.class,
    `a class that a wire of the pod is pinned to, for rule ${rules.join(', ')}: ` +
      `kernel://${service}@SITE/INTERFACE in --network-services; there are ${there}` +
      (near === undefined ? '' : ` (did you mean ${near}?)`),
  );
}
