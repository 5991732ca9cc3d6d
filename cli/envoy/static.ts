// SPDX-License-Identifier: Apache-2.0
/** A whole Envoy as a static bootstrap: one listener, and one cluster for each class's wire. */
import { accessLogClusters, accessLogs } from './access-log.js';
import { serviceClusters } from './clusters.js';
import type { EnvoyOptions, Place } from './options.js';
import { planOf, type Plan } from './plan.js';
import { routeConfiguration } from './routes.js';

/** Envoy answers 431 to requests with more headers than this. */
export const mostHeadersKb = 60;

/**
 * A header that is sent twice is one value, joined by `,`: as former Envoys had it, and
 * as access logs have it. Who adds a second `user: boss` is no boss.
 */
const runtime = { 'envoy.reloadable_features.match_headers_individually': false };

/** The bootstrap; throws where an option is wrong or a class of the policy's http rules has no wire. */
export function envoyBootstrap(options: EnvoyOptions): object {
  const plan = planOf(options);
  const { listen, service, admin, eventLog } = plan;
  return {
    node: { id: `wanwire-${service}`, cluster: service },
    ...(admin !== undefined && { admin: { address: address(admin) } }),
    ...(eventLog !== undefined && {
      cluster_manager: { outlier_detection: { event_log_path: eventLog } },
    }),
    layered_runtime: { layers: [{ name: 'static', static_layer: runtime }] },
    static_resources: {
      listeners: [
        {
          name: service,
          address: address(listen),
          traffic_direction: 'OUTBOUND',
          per_connection_buffer_limit_bytes: 1_048_576,
          filter_chains: [{ filters: [connectionManager(plan)] }],
        },
      ],
      clusters: [...serviceClusters(plan), ...accessLogClusters(plan)],
    },
  };
}

/**
 * The content of `routesFile`: the routes alone. Put in its place by a rename,
 * new ones are in force for the next request, and no connection is cut.
 */
export function envoyRoutes(options: EnvoyOptions): object {
  const type = 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration';
  return { resources: [{ '@type': type, ...routeConfiguration(planOf(options)) }] };
}

function address({ host, port }: Place): object {
  return { socket_address: { address: host, port_value: port } };
}

function connectionManager(plan: Plan): object {
  const { service, routesFile } = plan;
  return {
    name: 'envoy.filters.network.http_connection_manager',
    typed_config: {
      '@type':
        'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
      stat_prefix: service,
      codec_type: 'AUTO',
      max_request_headers_kb: mostHeadersKb,
      // A sidecar's application says what it wants: nothing of it is changed.
      http_protocol_options: { accept_http_10: true },
      server_header_transformation: 'PASS_THROUGH',
      preserve_external_request_id: true,
      skip_xff_append: true,
      stream_idle_timeout: '0s',
      access_log: accessLogs(plan),
      ...(routesFile === undefined
        ? { route_config: routeConfiguration(plan) }
        : { rds: routesOf(service, routesFile) }),
      http_filters: [
        {
          name: 'envoy.filters.http.router',
          typed_config: {
            '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router',
            suppress_envoy_headers: true,
          },
        },
      ],
    },
  };
}

function routesOf(name: string, path: string): object {
  return {
    route_config_name: name,
    config_source: { resource_api_version: 'V3', path_config_source: { path } },
  };
}
