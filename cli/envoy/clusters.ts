// SPDX-License-Identifier: Apache-2.0
/**
 * Clusters that lead to the service, each over one wire. The pool of a cluster
 * is its own, so a connection is on its class's wire before its first packet.
 */
import { Buffer } from 'node:buffer';
import type { Place } from './options.js';
import {
  type Bind,
  familyOf,
  type Plan,
  type Target,
  type WireCluster,
  wireClusters,
} from './plan.js';

/** setsockopt(2): SOL_SOCKET, SO_BINDTODEVICE; IPPROTO_TCP, TCP_USER_TIMEOUT; IP_TOS; IPV6_TCLASS. */
const bindToDevice = { level: 1, name: 25 };
const userTimeout = { level: 6, name: 18 };
const typeOfService = { level: 0, name: 1 };
const trafficClass = { level: 41, name: 67 };

/** A connection whose packets nobody answers for so long is given up. */
const silentMs = 10_000;

/** All of them. */
export function serviceClusters(plan: Plan): readonly object[] {
  const wires = wireClusters(plan).map((one) => wireCluster(plan, one));
  const targets = plan.targets.filter(({ name, wires: [first] }) => first?.name !== name);
  return [...wires, ...targets.map(targetCluster)];
}

function wireCluster({ upstream }: Plan, { name, bind }: WireCluster): object {
  return {
    name,
    ...clusterOf(name, upstream),
    typed_extension_protocol_options: asDownstream,
    upstream_bind_config: bindConfig(bind, familyOf(upstream)),
    outlier_detection: outlierDetection,
    circuit_breakers: circuitBreakers,
    upstream_connection_options: {
      tcp_keepalive: { keepalive_probes: 3, keepalive_time: 10, keepalive_interval: 5 },
    },
  };
}

/** Its wires in order: one is used while those before it are given up. */
function targetCluster({ name, wires }: Target): object {
  return {
    name,
    connect_timeout: connectTimeout,
    lb_policy: 'CLUSTER_PROVIDED',
    circuit_breakers: circuitBreakers,
    cluster_type: {
      name: 'envoy.clusters.aggregate',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig',
        clusters: wires.map((wire) => wire.name),
      },
    },
  };
}

/** Longer than one lost SYN. */
const connectTimeout = '3s';

/** Where a cluster's one host is; also for those that do not lead to the service. */
export function clusterOf(name: string, { host, port, isAddress }: Place): object {
  return {
    connect_timeout: connectTimeout,
    type: isAddress ? 'STATIC' : 'STRICT_DNS',
    ...(!isAddress && { dns_lookup_family: 'V4_PREFERRED' }),
    load_assignment: {
      cluster_name: name,
      endpoints: [
        {
          lb_endpoints: [
            { endpoint: { address: { socket_address: { address: host, port_value: port } } } },
          ],
        },
      ],
    },
  };
}

/** HTTP/1.1 for HTTP/1.1, HTTP/2 and so gRPC for HTTP/2. */
const asDownstream = {
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
    '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
    // Shorter than servers keep an idle connection (often 5 s): the other way round requests fall between.
    common_http_protocol_options: { idle_timeout: '4s' },
    use_downstream_protocol_config: { http_protocol_options: {}, http2_protocol_options: {} },
  },
};

/** What a wire does counts, not what the service answers. */
const outlierDetection = {
  split_external_local_origin_errors: true,
  consecutive_local_origin_failure: 3,
  enforcing_consecutive_local_origin_failure: 100,
  enforcing_local_origin_success_rate: 0,
  enforcing_consecutive_5xx: 0,
  enforcing_consecutive_gateway_failure: 0,
  enforcing_success_rate: 0,
  interval: '1s',
  base_ejection_time: '2s',
  max_ejection_time: '10s',
  max_ejection_percent: 100,
};

/** Envoy's own limit of 3 retries at once is too small for all requests of a wire that is gone. */
const circuitBreakers = {
  thresholds: ['DEFAULT', 'HIGH'].map((priority) => ({
    priority,
    max_connections: 4096,
    max_pending_requests: 4096,
    max_requests: 65_536,
    max_retries: 4096,
  })),
};

/** A `BindConfig`; the family is that of the service's address, and nothing where either may be. */
export function bindConfig({ device, source, dscp }: Bind, family: 4 | 6 | undefined): object {
  const any = { 4: '0.0.0.0', 6: '::' };
  const at = (address: string): object => ({ address, port_value: 0 });
  const options = [
    { ...userTimeout, int_value: silentMs },
    ...(device === undefined
      ? []
      : [{ ...bindToDevice, buf_value: Buffer.from(device).toString('base64') }]),
    ...(dscp === undefined
      ? []
      : [
          { ...typeOfService, int_value: dscp << 2, ip_version: 'SOCKET_IP_VERSION_IPV4' },
          { ...trafficClass, int_value: dscp << 2, ip_version: 'SOCKET_IP_VERSION_IPV6' },
        ]),
  ];
  return {
    source_address: at(source ?? any[family ?? 4]),
    ...(source === undefined &&
      family === undefined && { extra_source_addresses: [{ address: at(any[6]) }] }),
    socket_options: options,
  };
}
