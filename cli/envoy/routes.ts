// SPDX-License-Identifier: Apache-2.0
/** Http rules as Envoy's routes: the first that fits counts, as in the policy. */
import type { HttpMatch, StringMatch } from '../../api/site/types.js';
import type { Plan } from './plan.js';

/** The name of the routes that an http rule makes; the access log tells it. */
export function routeName(rule: string): string {
  return `rule:${rule}`;
}

/** A `RouteConfiguration`. */
export function routeConfiguration(plan: Plan): object {
  const routes = plan.policy.httpRules.map((rule) => ({
    name: routeName(rule.name),
    match: routeMatch(rule.match),
    route: routeAction(plan.targetOf(rule).name),
  }));
  const others = {
    name: 'default',
    match: { prefix: '/' },
    route: routeAction(plan.fallback.name),
  };
  return {
    name: plan.service,
    virtual_hosts: [
      {
        name: plan.service,
        domains: ['*'],
        routes: [...routes, others],
        retry_policy: retryPolicy(plan),
      },
    ],
  };
}

/** Uploads and streams take their time: only what nobody answers ends a request. */
function routeAction(cluster: string): object {
  return {
    cluster,
    timeout: '0s',
    upgrade_configs: [{ upgrade_type: 'websocket' }],
  };
}

/** Only what the service cannot have seen is sent again, and on the next wire. */
function retryPolicy({ targets }: Plan): object {
  return {
    retry_on: 'connect-failure,refused-stream,reset-before-request',
    num_retries: Math.max(2, ...targets.map(({ wires }) => wires.length)),
    retry_back_off: { base_interval: '0.005s', max_interval: '0.250s' },
    retry_priority: {
      name: 'envoy.retry_priorities.previous_priorities',
      typed_config: {
        '@type':
          'type.googleapis.com/envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig',
        update_frequency: 1,
      },
    },
  };
}

/** A `RouteMatch`. */
export function routeMatch({ headers, path, methods, hosts }: HttpMatch): object {
  const matchers = [
    ...(methods.length === 0 ? [] : [{ name: ':method', ...oneOf(methods) }]),
    ...(hosts.length === 0 ? [] : [{ name: ':authority', ...text({ regex: hostsRegex(hosts) }) }]),
    ...Object.entries(headers).map(([name, match]) => ({ name, ...text(match) })),
  ];
  return { ...pathMatch(path), ...(matchers.length > 0 && { headers: matchers }) };
}

function pathMatch(path: StringMatch | undefined): object {
  if (path === undefined || 'present' in path) return { prefix: '/' };
  if ('exact' in path) return { path: path.exact };
  return 'prefix' in path ? { prefix: path.prefix } : { safe_regex: { regex: path.regex } };
}

function text(match: StringMatch): object {
  if ('present' in match) return { present_match: true };
  return { string_match: 'regex' in match ? { safe_regex: { regex: match.regex } } : match };
}

function oneOf(words: readonly string[]): object {
  return text(words.length === 1 ? { exact: words[0] ?? '' } : { regex: words.join('|') });
}

/** Any port, and small letters or capitals. */
export function hostsRegex(hosts: readonly string[]): string {
  const each = hosts.map((host) => host.replace(/[.[\]]/g, '\\$&').replace(/^\*/, '.+'));
  return `(?i)(?:${each.join('|')})(?::[0-9]+)?`;
}
