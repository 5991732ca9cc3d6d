// SPDX-License-Identifier: Apache-2.0
/**
 * Which http rule of a policy a request gets: the same answer as that of an
 * Envoy with the configuration of `wanwire envoy`. Values are compared as they
 * arrive there: a header that was sent twice has its values joined by `,`.
 */
import { httpRegex } from './http-regex.js';
import type { HttpMatch, HttpRule, SteeringPolicy, StringMatch } from './types.js';

/** A request as the access log has it. */
export interface HttpRequest {
  readonly method: string;
  /** With or without its query. */
  readonly path: string;
  /** With or without a port. */
  readonly host: string;
  /** By their names in small letters. */
  readonly headers: Readonly<Record<string, string>>;
}

/** The first http rule that the request fits; nothing where it fits none. */
export function httpRuleOf(policy: SteeringPolicy, request: HttpRequest): HttpRule | undefined {
  // Neither a tunnel nor `OPTIONS *` has a path, and without one Envoy has no route.
  if (request.method === 'CONNECT' || !request.path.startsWith('/')) return undefined;
  return policy.httpRules.find(({ match }) => fits(match, request));
}

function fits(match: HttpMatch, { method, path, host, headers }: HttpRequest): boolean {
  const { methods, hosts } = match;
  if (methods.length > 0 && !methods.includes(method)) return false;
  if (hosts.length > 0 && !hosts.some((one) => fitsHost(one, host))) return false;
  if (match.path !== undefined && !fitsText(match.path, path.replace(/\?.*$/s, ''))) return false;
  return Object.entries(match.headers).every(([name, wanted]) => {
    const value = Object.hasOwn(headers, name) ? headers[name] : undefined;
    return value !== undefined && fitsText(wanted, value);
  });
}

function fitsText(match: StringMatch, text: string): boolean {
  if ('exact' in match) return text === match.exact;
  if ('prefix' in match) return text.startsWith(match.prefix);
  return 'regex' in match ? httpRegex(match.regex).fits(text) : true;
}

function fitsHost(wanted: string, host: string): boolean {
  const name = host.replace(/:[0-9]+$/, '').toLowerCase();
  if (!wanted.startsWith('*')) return name === wanted;
  const end = wanted.slice(1);
  return name.length > end.length && name.endsWith(end);
}
