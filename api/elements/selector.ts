// SPDX-License-Identifier: Apache-2.0
/** Which Connections a monitor stream is about. */
import { pathOf } from '../chain/connection.js';
import type { Connection, MonitorScopeSelector, PathSegment } from '../gen/connection.js';

/**
 * Whether the selector's segments match a contiguous run of the path (empty name,
 * id or token: any) and its services, if any, include the Connection's.
 */
export function selects(selector: MonitorScopeSelector, connection: Connection): boolean {
  const { pathSegments: wanted, networkServices: services } = selector;
  if (services.length > 0 && !services.includes(connection.networkService)) return false;
  const { pathSegments: path } = pathOf(connection);
  for (let start = 0; start + wanted.length <= path.length; start++) {
    if (wanted.every((segment, at) => matches(segment, path[start + at]))) return true;
  }
  return wanted.length === 0;
}

function matches(wanted: PathSegment, segment: PathSegment | undefined): boolean {
  return (
    segment !== undefined &&
    (wanted.name === '' || wanted.name === segment.name) &&
    (wanted.id === '' || wanted.id === segment.id) &&
    (wanted.token === '' || wanted.token === segment.token)
  );
}
