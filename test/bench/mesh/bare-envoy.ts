// SPDX-License-Identifier: Apache-2.0
/** The least configuration with which Envoy passes requests on: what ours is compared with. */

/** Requests that come here go there; both are `ADDRESS:PORT`. */
export interface Way {
  readonly listen: string;
  readonly upstream: string;
}

const types = 'type.googleapis.com/envoy.extensions';
const http = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/** A bootstrap with a listener and a plain cluster for each. */
export function bareBootstrap(ways: readonly Way[]): object {
  return {
    static_resources: {
      listeners: ways.map(({ listen }, at) => ({
        name: `way-${String(at)}`,
        address: address(listen),
        filter_chains: [{ filters: [manager(`way-${String(at)}`)] }],
      })),
      clusters: ways.map(({ upstream }, at) => cluster(`way-${String(at)}`, upstream)),
    },
  };
}

function manager(name: string): object {
  return {
    name: 'envoy.filters.network.http_connection_manager',
    typed_config: {
      '@type': `${types}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
      stat_prefix: name,
      route_config: {
        virtual_hosts: [
          { name, domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: name } }] },
        ],
      },
      http_filters: [
        {
          name: 'envoy.filters.http.router',
          typed_config: { '@type': `${types}.filters.http.router.v3.Router` },
        },
      ],
    },
  };
}

function cluster(name: string, upstream: string): object {
  return {
    name,
    type: 'STATIC',
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: address(upstream) } }] }],
    },
    typed_extension_protocol_options: {
      [http]: {
        '@type': `type.googleapis.com/${http}`,
        use_downstream_protocol_config: { http_protocol_options: {}, http2_protocol_options: {} },
      },
    },
  };
}

function address(text: string): object {
  const [host = '', port = ''] = text.split(':');
  return { socket_address: { address: host, port_value: Number(port) } };
}
