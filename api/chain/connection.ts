// SPDX-License-Identifier: Apache-2.0
/** Reading a Connection: its place in the path, its addresses, its time left. */
import { status } from '@grpc/grpc-js';
import { Path, type Connection, type PathSegment } from '../gen/connection.js';
import {
  ConnectionContext,
  IPContext,
  type ConnectionContext as Context,
  type IPContext as Ip,
} from '../gen/connectioncontext.js';
import type { Timestamp } from '../gen/google/protobuf/timestamp.js';
import { WireError } from '../errors/wire-error.js';

/** The segment of the hop that speaks. INTERNAL before `updatePath`. */
export function ownSegment(connection: Connection): PathSegment {
  const segment = connection.path?.pathSegments[connection.path.index];
  if (segment === undefined) throw new WireError(status.INTERNAL, 'path: no segment at its index');
  return segment;
}

/** The caller's segment: the one before ours. */
export function previousSegment(connection: Connection): PathSegment | undefined {
  return connection.path?.pathSegments[connection.path.index - 1];
}

/** The next hop's segment, once it has answered. */
export function nextSegment(connection: Connection): PathSegment | undefined {
  return connection.path?.pathSegments[connection.path.index + 1];
}

/** The path, empty where there is none. */
export function pathOf(connection: Connection): Path {
  return connection.path ?? Path.create();
}

/** A copy with another index and the id of the segment there. */
export function atIndex(connection: Connection, index: number): Connection {
  const path = pathOf(connection);
  const id = path.pathSegments[index]?.id ?? connection.id;
  return { ...connection, id, path: { ...path, index } };
}

/** A copy whose segment at `index` has been changed. */
export function withSegment(
  connection: Connection,
  index: number,
  change: Partial<PathSegment>,
): Connection {
  const path = pathOf(connection);
  const pathSegments = path.pathSegments.map((segment, at) =>
    at === index ? { ...segment, ...change } : segment,
  );
  return { ...connection, path: { ...path, pathSegments } };
}

/** The context, empty where there is none. */
export function contextOf(connection: Connection): Context {
  return connection.context ?? ConnectionContext.create();
}

/** The IP context, empty where there is none. */
export function ipOf(connection: Connection): Ip {
  return connection.context?.ipContext ?? IPContext.create();
}

/** A copy whose context has been changed. */
export function withContext(connection: Connection, change: Partial<Context>): Connection {
  return { ...connection, context: { ...contextOf(connection), ...change } };
}

/** A copy whose IP context has been changed. */
export function withIp(connection: Connection, change: Partial<Ip>): Connection {
  return withContext(connection, { ipContext: { ...ipOf(connection), ...change } });
}

/** Milliseconds since 1970 of a protobuf Timestamp; keeps nothing below a millisecond. */
export function timestampMs(timestamp: Timestamp): number {
  return Number(timestamp.seconds) * 1000 + Math.floor(timestamp.nanos / 1_000_000);
}

/** A protobuf Timestamp of milliseconds since 1970. */
export function toTimestamp(ms: number): Timestamp {
  const seconds = Math.floor(ms / 1000);
  return { seconds: BigInt(seconds), nanos: Math.round((ms - seconds * 1000) * 1_000_000) };
}
