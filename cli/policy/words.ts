// SPDX-License-Identifier: Apache-2.0
/** Rules and classes in words. */
import { dscpText, portsText, protocolText } from '../../api/site/traffic.js';
import type {
  ClassLinks,
  HttpMatch,
  PolicyClass,
  RuleMatch,
  Site,
  StringMatch,
} from '../../api/site/types.js';

/** What a session must be to fit: `tcp, to 10.60.0.0/16, to port 873`. */
export function matchText(match: RuleMatch): string {
  const list = (what: string, all: readonly string[]): string[] =>
    all.length === 0 ? [] : [`${what}${all.join(' or ')}`];
  const labels = Object.entries(match.clientLabels).map(([name, value]) => `${name}=${value}`);
  const parts = [
    ...list('', match.protocols.map(protocolText)),
    ...list('dscp ', match.dscp.map(dscpText)),
    ...list('from ', match.sources),
    ...list('from port ', match.sourcePorts.map(portsText)),
    ...list('to ', match.destinations),
    ...list('to port ', match.destinationPorts.map(portsText)),
    ...(labels.length === 0 ? [] : [`client ${labels.join(' and ')}`]),
    ...list('client ', match.identities),
  ];
  return parts.join(', ');
}

/** What a request must be to fit: `header user is boss, path begins with /video`. */
export function httpText({ headers, path, methods, hosts }: HttpMatch): string {
  const parts = [
    ...(methods.length === 0 ? [] : [methods.join(' or ')]),
    ...(hosts.length === 0 ? [] : [`host ${hosts.join(' or ')}`]),
    ...(path === undefined ? [] : [`path ${stringText(path)}`]),
    ...Object.entries(headers).map(([name, one]) => `header ${name} ${stringText(one)}`),
  ];
  return parts.join(', ');
}

function stringText(match: StringMatch): string {
  if ('exact' in match) return `is ${match.exact}`;
  if ('prefix' in match) return `begins with ${match.prefix}`;
  return 'regex' in match ? `fits ${match.regex}` : 'is there';
}

/** Which links a class uses, with their shares; without a site, as they are written. */
export function linksText({ links }: PolicyClass, site: Site | undefined): string {
  const weighed =
    site === undefined
      ? links.map((one) => ({ name: written(one), weight: one.weight }))
      : site.links.flatMap((link) => {
          const entry = links.find(
            (one) =>
              (one.name === undefined || one.name === link.name) &&
              (one.class === undefined || one.class === link.class),
          );
          return entry === undefined ? [] : [{ name: link.name, weight: entry.weight }];
        });
  if (weighed.length === 0) return 'none';
  if (weighed.length === 1) return weighed[0]?.name ?? '';
  const all = weighed.reduce((sum, { weight }) => sum + weight, 0);
  // A class of links may be several: without a site only their weights are known.
  const share = (weight: number): string =>
    site === undefined ? `weight ${String(weight)}` : `${percent(weight / all)} %`;
  return weighed.map(({ name, weight }) => `${name} ${share(weight)}`).join(', ');
}

/** What is used while none of its own links can be: `best-effort, then any other link`. */
export function otherwiseText({ fallback, strict }: PolicyClass): string {
  return [...fallback, strict ? 'no other link' : 'any other link'].join(', then ');
}

function written({ name, class: of }: ClassLinks): string {
  if (name === undefined) return `class ${of ?? ''}`;
  return of === undefined ? name : `${name} of class ${of}`;
}

function percent(share: number): string {
  return String(Math.round(share * 1000) / 10);
}
