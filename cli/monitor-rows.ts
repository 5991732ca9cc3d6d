// SPDX-License-Identifier: Apache-2.0
/** Connection events as rows of `wanwire monitor`. */
import { linkMetrics, linkMetricsOf } from '../api/elements/link-metrics.js';
import {
  ConnectionEventType,
  connectionEventTypeToJSON,
  stateToJSON,
  type Connection,
  type ConnectionEvent,
} from '../api/gen/connection.js';
import { printable } from './table.js';

/** Heads of {@link eventRows}. */
export const eventTitles = [
  ...['EVENT', 'ID', 'SERVICE', 'ENDPOINT', 'STATE', 'LINKS', 'INTERFACE', 'PATH'],
];

/** One row for each connection of an event. */
export function eventRows({ type, connections }: ConnectionEvent): readonly (readonly string[])[] {
  // What was there when we came has no change to tell of.
  const what =
    type === ConnectionEventType.INITIAL_STATE_TRANSFER ? 'IS' : connectionEventTypeToJSON(type);
  return Object.values(connections).map((connection) => [what, ...connectionRow(connection)]);
}

function connectionRow(connection: Connection): readonly string[] {
  const { id, networkService, networkServiceEndpointName, state, mechanism, path } = connection;
  const hops = path?.pathSegments.map(({ name }) => name) ?? [];
  return [
    id,
    networkService,
    networkServiceEndpointName,
    stateToJSON(state),
    linksText(connection),
    mechanism?.parameters['name'] ?? '',
    hops.join(' > '),
  ].map((cell) => printable(cell) || '-');
}

/** How good the wire's links are, as its forwarder said with its last answer. */
function linksText(connection: Connection): string {
  const metrics = linkMetricsOf(connection);
  if (metrics === undefined) return '';
  const { state, usable, rttMs, lossPercent } = linkMetrics;
  const parts = [
    metrics[state],
    `${metrics[usable] ?? '0'} usable`,
    ...(metrics[rttMs] === undefined ? [] : [`${metrics[rttMs]} ms`]),
    ...(metrics[lossPercent] === undefined ? [] : [`loss ${metrics[lossPercent]} %`]),
  ];
  return parts.join(', ');
}
