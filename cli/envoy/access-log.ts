// SPDX-License-Identifier: Apache-2.0
/** Envoy's access logs: to a gRPC service such as `wanwire audit`, or as JSON lines to a file. */
import type { AccessLog } from './options.js';
import { clusterOf } from './clusters.js';
import type { Plan } from './plan.js';

const collector = 'wanwire-access-log';

/** Of the connection manager. */
export function accessLogs(plan: Plan): readonly object[] {
  const headers = headersOf(plan);
  return plan.accessLogs.map((log, at) =>
    log.kind === 'file' ? fileLog(log.path, headers) : grpcLog(plan.service, at, headers),
  );
}

/** The clusters that gRPC logs are sent to. */
export function accessLogClusters(plan: Plan): readonly object[] {
  return plan.accessLogs.flatMap((log, at) => {
    if (log.kind === 'file') return [];
    const name = clusterName(at);
    return [{ name, ...where(log, name), typed_extension_protocol_options: http2 }];
  });
}

const clusterName = (at: number): string =>
  at === 0 ? collector : `${collector}-${String(at + 1)}`;

const http2 = {
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
    '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
    explicit_http_config: { http2_protocol_options: {} },
  },
};

function where(log: Exclude<AccessLog, { kind: 'file' }>, name: string): object {
  if (log.kind === 'grpc') return clusterOf(name, log.place);
  const endpoint = { address: { pipe: { path: log.path } } };
  return {
    connect_timeout: '3s',
    type: 'STATIC',
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint }] }] },
  };
}

/** The headers that rules look at: whoever reads the log can judge the choice. */
function headersOf({ policy }: Plan): readonly string[] {
  return [...new Set(policy.httpRules.flatMap(({ match }) => Object.keys(match.headers)))];
}

function grpcLog(service: string, at: number, headers: readonly string[]): object {
  return {
    name: 'envoy.access_loggers.http_grpc',
    typed_config: {
      '@type':
        'type.googleapis.com/envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig',
      common_config: {
        log_name: service,
        transport_api_version: 'V3',
        grpc_service: { envoy_grpc: { cluster_name: clusterName(at) } },
        buffer_flush_interval: '0.2s',
        buffer_size_bytes: 16_384,
      },
      ...(headers.length > 0 && { additional_request_headers_to_log: headers }),
    },
  };
}

function fileLog(path: string, headers: readonly string[]): object {
  return {
    name: 'envoy.access_loggers.file',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog',
      path,
      log_format: {
        json_format: {
          at: '%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%',
          method: '%REQ(:METHOD)%',
          host: '%REQ(:AUTHORITY)%',
          path: '%REQ(:PATH)%',
          protocol: '%PROTOCOL%',
          route: '%ROUTE_NAME%',
          cluster: '%UPSTREAM_CLUSTER_RAW%',
          attempts: '%UPSTREAM_REQUEST_ATTEMPT_COUNT%',
          source: '%UPSTREAM_LOCAL_ADDRESS%',
          upstream: '%UPSTREAM_REMOTE_ADDRESS%',
          status: '%RESPONSE_CODE%',
          flags: '%RESPONSE_FLAGS%',
          ms: '%DURATION%',
          ...(headers.length > 0 && {
            headers: Object.fromEntries(headers.map((name) => [name, `%REQ(${name})%`])),
          }),
        },
      },
    },
  };
}
