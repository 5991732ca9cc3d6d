// SPDX-License-Identifier: Apache-2.0
/**
 * What a forwarder with WAN links says of a wire in its path segment's metrics, and what
 * others make of it. The first hop from one's own on that says any is the one to
 * believe: to a client that is the forwarder that steers its wire.
 */
import { pathOf, withSegment } from '../chain/connection.js';
import type { Connection, PathSegment } from '../gen/connection.js';

/** The metrics' keys; values are decimal numbers, but for `state`. */
export const linkMetrics = {
  /** `up`, `degraded` or `down`: of its best strand. */
  state: 'state',
  rttMs: 'rtt_ms',
  jitterMs: 'jitter_ms',
  lossPercent: 'loss_percent',
  /** How many strands can be used. */
  usable: 'strands_usable',
  /** A silence of all strands is found within this. */
  detectionMs: 'detection_ms',
  /** No strand is left and nobody else could serve: for so long the wire is to be left as it is. */
  holdMs: 'hold_ms',
} as const;

const keys: ReadonlySet<string> = new Set(Object.values(linkMetrics));

/** A copy whose own segment says these and none of the former ones. */
export function withLinkMetrics(
  connection: Connection,
  metrics: Readonly<Record<string, string>>,
): Connection {
  const { index, pathSegments } = pathOf(connection);
  const others = Object.entries(pathSegments[index]?.metrics ?? {}).filter(
    ([key]) => !keys.has(key),
  );
  return withSegment(connection, index, {
    metrics: { ...Object.fromEntries(others), ...metrics },
  });
}

/** For how many milliseconds a wire that carries nothing is to be left as it is; nothing where it is not. */
export function waitOf(connection: Connection): number | undefined {
  return numberOf(connection, linkMetrics.holdMs);
}

/** Within how many milliseconds one is told that no strand is left; nothing where nobody tells. */
export function detectionOf(connection: Connection): number | undefined {
  return numberOf(connection, linkMetrics.detectionMs);
}

/** A copy in which nobody from one's own hop on says why it is DOWN: others know better. */
export function withoutWait(connection: Connection): Connection {
  const path = pathOf(connection);
  const pathSegments = path.pathSegments.map((segment, at) => {
    if (at < path.index) return segment;
    const {
      [linkMetrics.holdMs]: _hold,
      [linkMetrics.state]: _state,
      ...metrics
    } = segment.metrics;
    return { ...segment, metrics };
  });
  return { ...connection, path: { ...path, pathSegments } };
}

/** A copy that has of the hops behind one's own the metrics that `theirs` has. */
export function withMetricsOf(connection: Connection, theirs: Connection): Connection {
  const path = pathOf(connection);
  const told = pathOf(theirs).pathSegments;
  const pathSegments = path.pathSegments.map((segment, at) => {
    const other = told[at];
    if (at <= path.index || other === undefined || other.id !== segment.id) return segment;
    return { ...segment, metrics: other.metrics };
  });
  return { ...connection, path: { ...path, pathSegments } };
}

/** What the hop to believe says; nothing where none says anything. */
export function linkMetricsOf(connection: Connection): PathSegment['metrics'] | undefined {
  const { index, pathSegments } = pathOf(connection);
  return pathSegments.slice(index).find(({ metrics }) => linkMetrics.usable in metrics)?.metrics;
}

function numberOf(connection: Connection, key: string): number | undefined {
  const value = Number(linkMetricsOf(connection)?.[key]);
  return Number.isFinite(value) ? value : undefined;
}
