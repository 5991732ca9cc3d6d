// SPDX-License-Identifier: Apache-2.0
/**
 * The same for a mesh: a VirtualService whose rules lead to subsets, a
 * DestinationRule that has one subset for each class, and an EnvoyFilter that
 * binds the clusters of the subsets.
 */
import { invalid } from '../../api/errors/wire-error.js';
import { dscpText } from '../../api/site/traffic.js';
import type { HttpMatch, HttpRule, StringMatch } from '../../api/site/types.js';
import { bindConfig } from './clusters.js';
import type { EnvoyOptions } from './options.js';
import { planOf, type Plan } from './plan.js';
import { hostsRegex, routeName } from './routes.js';

/** Where the documents go, and for whom they are. */
export interface IstioOptions extends EnvoyOptions {
  readonly namespace?: string;
  /** Labels of the pods that have the wires; every pod where not given. */
  readonly selector?: Readonly<Record<string, string>>;
}

/** The documents, in the order in which they are to be applied: nothing leads to what is not there yet. */
export function istioDocuments(options: IstioOptions): readonly object[] {
  const plan = planOf(options);
  const { upstream } = plan;
  if (upstream.isAddress) {
    const want =
      "the service's name in the mesh and its port: httpbin.default.svc.cluster.local:8000";
    throw invalid('--upstream', options.upstream, want);
  }
  const selector = options.selector ?? {};
  const metadata = {
    name: plan.service,
    ...(options.namespace !== undefined && { namespace: options.namespace }),
  };
  return [
    { ...envoyFilter(plan, selector), metadata },
    { ...destinationRule(plan), metadata },
    { ...virtualService(plan, selector), metadata },
  ].map(({ apiVersion, kind, metadata: of, spec }) => ({ apiVersion, kind, metadata: of, spec }));
}

interface Document {
  readonly apiVersion: string;
  readonly kind: string;
  readonly spec: object;
}

/** Of a rule's class, such as `low-latency`, or `low-latency-ef` with a mark. */
function subsetOf({ class: of, mark }: HttpRule): string {
  return mark === undefined ? of : `${of}-${dscpText(mark)}`;
}

/** One rule of each subset. */
function subsets({ policy }: Plan): readonly (readonly [name: string, rule: HttpRule])[] {
  return [...new Map(policy.httpRules.map((rule) => [subsetOf(rule), rule] as const))];
}

function envoyFilter(plan: Plan, selector: Readonly<Record<string, string>>): Document {
  const { host, port } = plan.upstream;
  const patches = subsets(plan).map(([subset, rule]) => ({
    applyTo: 'CLUSTER',
    match: {
      context: 'SIDECAR_OUTBOUND',
      cluster: { service: host, portNumber: port, subset },
    },
    patch: {
      operation: 'MERGE',
      value: {
        upstream_bind_config: bindConfig(plan.targetOf(rule).wires[0]?.bind ?? {}, 4),
      },
    },
  }));
  return {
    apiVersion: 'networking.istio.io/v1alpha3',
    kind: 'EnvoyFilter',
    spec: {
      ...(Object.keys(selector).length > 0 && { workloadSelector: { labels: selector } }),
      configPatches: patches,
    },
  };
}

function destinationRule(plan: Plan): Document {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'DestinationRule',
    spec: {
      host: plan.upstream.host,
      trafficPolicy: {
        connectionPool: {
          tcp: { connectTimeout: '3s', tcpKeepalive: { probes: 3, time: '10s', interval: '5s' } },
          http: { useClientProtocol: true, idleTimeout: '4s' },
        },
        outlierDetection: {
          splitExternalLocalOriginErrors: true,
          consecutiveLocalOriginFailures: 3,
          consecutive5xxErrors: 0,
          interval: '1s',
          baseEjectionTime: '2s',
          maxEjectionPercent: 100,
        },
      },
      subsets: subsets(plan).map(([name]) => ({ name })),
    },
  };
}

function virtualService(plan: Plan, selector: Readonly<Record<string, string>>): Document {
  const { host, port } = plan.upstream;
  const sources = Object.keys(selector).length > 0 ? { sourceLabels: selector } : {};
  const to = (subset?: string): object => ({
    timeout: '0s',
    retries: { attempts: 2, retryOn: 'connect-failure,refused-stream,reset-before-request' },
    route: [
      { destination: { host, port: { number: port }, ...(subset !== undefined && { subset }) } },
    ],
  });
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    spec: {
      hosts: [host],
      http: [
        ...plan.policy.httpRules.map((rule) => ({
          name: routeName(rule.name),
          match: [{ ...matchOf(rule.match), ...sources }],
          ...to(subsetOf(rule)),
        })),
        { name: 'default', ...to() },
      ],
    },
  };
}

function matchOf({ headers, path, methods, hosts }: HttpMatch): object {
  const [first = '', ...more] = methods;
  return {
    ...(path !== undefined && { uri: text(path) }),
    ...(methods.length > 0 && {
      method: more.length === 0 ? { exact: first } : { regex: methods.join('|') },
    }),
    ...(hosts.length > 0 && { authority: { regex: hostsRegex(hosts) } }),
    ...(Object.keys(headers).length > 0 && {
      headers: Object.fromEntries(
        Object.entries(headers).map(([name, match]) => [name, text(match)]),
      ),
    }),
  };
}

/** Istio's empty match is: the header is there. */
function text(match: StringMatch): object {
  return 'present' in match ? {} : match;
}
