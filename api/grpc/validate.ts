// SPDX-License-Identifier: Apache-2.0
/** The door of NetworkService and MonitorConnection: a message that was decoded may still be nonsense. */
import { invalid } from '../errors/wire-error.js';
import type {
  Connection,
  Mechanism,
  MonitorScopeSelector,
  Path,
  PathSegment,
} from '../gen/connection.js';
import type { ConnectionContext, IPContext, Route } from '../gen/connectioncontext.js';
import type { NetworkServiceRequest } from '../gen/networkservice.js';
import { limits, list, text, texts } from './limits.js';

/** The Request's connection; INVALID_ARGUMENT where there is none or a field has no sane size. */
export function checkRequest(message: NetworkServiceRequest): Connection {
  const { connection, mechanismPreferences } = message;
  if (connection === undefined) throw invalid('connection', undefined, 'a connection');
  checkConnection(connection);
  list('mechanism_preferences', mechanismPreferences, limits.mechanisms, checkMechanism);
  return connection;
}

/** As {@link checkRequest}, for a Close. */
export function checkClose(connection: Connection): void {
  checkConnection(connection);
}

/** As {@link checkRequest}, for MonitorConnections. */
export function checkSelector(selector: MonitorScopeSelector): void {
  list('path_segments', selector.pathSegments, limits.segments, checkSegment);
  list('network_services', selector.networkServices, limits.entries, text);
}

function checkConnection(connection: Connection): void {
  text('connection.id', connection.id);
  text('connection.network_service', connection.networkService);
  text('connection.network_service_endpoint_name', connection.networkServiceEndpointName);
  text('connection.payload', connection.payload);
  texts('connection.labels', connection.labels);
  if (connection.mechanism !== undefined)
    checkMechanism('connection.mechanism', connection.mechanism);
  if (connection.path !== undefined) checkPath(connection.path);
  if (connection.context !== undefined) checkContext('connection.context', connection.context);
}

function checkPath(path: Path): void {
  const count = path.pathSegments.length;
  list('connection.path.path_segments', path.pathSegments, limits.segments, checkSegment);
  if (path.index > 0 && path.index >= count) {
    throw invalid(
      'connection.path.index',
      path.index,
      `less than ${String(count)}, the number of segments`,
    );
  }
}

function checkSegment(field: string, segment: PathSegment): void {
  text(`${field}.name`, segment.name);
  text(`${field}.id`, segment.id);
  text(`${field}.token`, segment.token, limits.token);
  texts(`${field}.metrics`, segment.metrics);
}

function checkMechanism(field: string, mechanism: Mechanism): void {
  text(`${field}.cls`, mechanism.cls);
  text(`${field}.type`, mechanism.type);
  texts(`${field}.parameters`, mechanism.parameters);
}

function checkContext(field: string, context: ConnectionContext): void {
  const { ipContext, dnsContext, ethernetContext, extraContext } = context;
  if (ipContext !== undefined) checkIp(`${field}.ip_context`, ipContext);
  list(`${field}.dns_context.configs`, dnsContext?.configs ?? [], limits.list, (at, config) => {
    list(`${at}.dns_server_ips`, config.dnsServerIps, limits.list, text);
    list(`${at}.search_domains`, config.searchDomains, limits.list, text);
  });
  text(`${field}.ethernet_context.src_mac`, ethernetContext?.srcMac ?? '');
  text(`${field}.ethernet_context.dst_mac`, ethernetContext?.dstMac ?? '');
  texts(`${field}.extra_context`, extraContext);
}

function checkIp(field: string, ip: IPContext): void {
  const all = (name: string, values: readonly string[]): void => {
    list(`${field}.${name}`, values, limits.list, text);
  };
  all('src_ip_addrs', ip.srcIpAddrs);
  all('dst_ip_addrs', ip.dstIpAddrs);
  all('excluded_prefixes', ip.excludedPrefixes);
  all('extra_prefixes', ip.extraPrefixes);
  list(`${field}.src_routes`, ip.srcRoutes, limits.list, checkRoute);
  list(`${field}.dst_routes`, ip.dstRoutes, limits.list, checkRoute);
  list(`${field}.ip_neighbors`, ip.ipNeighbors, limits.list, (at, neighbor) => {
    text(`${at}.ip`, neighbor.ip);
    text(`${at}.hardware_address`, neighbor.hardwareAddress);
  });
  list(`${field}.extra_prefix_request`, ip.extraPrefixRequest, limits.list, () => undefined);
  list(`${field}.policies`, ip.policies, limits.list, (at, policy) => {
    text(`${at}.from`, policy.from);
    text(`${at}.proto`, policy.proto);
    text(`${at}.dst_port`, policy.dstPort);
    text(`${at}.src_port`, policy.srcPort);
    list(`${at}.routes`, policy.routes, limits.list, checkRoute);
  });
}

function checkRoute(field: string, route: Route): void {
  text(`${field}.prefix`, route.prefix);
  text(`${field}.nextHop`, route.nextHop);
}
