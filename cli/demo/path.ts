// SPDX-License-Identifier: Apache-2.0
/** The way of a Request as a table: each hop with the time it took, and how much of that was its own. */
import { requestMs } from '../../api/elements/hop-time.js';
import type { Connection } from '../../api/gen/connection.js';
import type { Screen } from './screen.js';
import { milliseconds } from './words.js';

/** Print it, without the client, whose own time nobody has told yet. */
export function showPath(screen: Screen, wire: Connection): void {
  const segments = wire.path?.pathSegments ?? [];
  const took = segments.map(({ metrics }) => Number(metrics[requestMs] ?? NaN));
  const rows = segments.map(({ name }, at) => [
    String(at),
    name,
    milliseconds(took[at]),
    milliseconds((took[at] ?? NaN) - (took[at + 1] ?? 0)),
  ]);
  screen.row('path', 'each hop with the time it took, and how much of that was its own');
  screen.table(['hop', 'process', 'took', 'own'], rows.slice(1));
}
