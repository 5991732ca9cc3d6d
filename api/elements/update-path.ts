// SPDX-License-Identifier: Apache-2.0
/**
 * Gives this hop its segment of the path, and the Connection this hop's id.
 *
 * When: on the way in, and of a Close too; on the way back it puts the
 * caller's index and id into the answer.
 * Where: first of all, once per process: the server and the client side of a
 * proxy share one segment. `begin` needs the id it sets.
 * Leaves: nothing.
 *
 * The id is derived, where upstream's is random: the same wish of the same
 * caller gets the same id, at every hop and after a restart. So a caller that
 * gave up waiting and asks once more, without the path it never learned, gets
 * the wire it asked for, not a second one for the same interface.
 */
import { createHash, randomUUID } from 'node:crypto';
import { atIndex, pathOf } from '../chain/connection.js';
import type { Guard } from '../chain/element.js';
import { invalid } from '../errors/wire-error.js';
import { PathSegment, type Connection, type Mechanism } from '../gen/connection.js';

/** More hops than any path has; a longer one is a loop or an attack. */
const maxSegments = 64;

/** The element; `name` is the process's own, and differs from its neighbours'. */
export function updatePath(name: string): Guard {
  return {
    kind: 'guard',
    name: 'updatePath',

    async request(call, request, next) {
      const connection = enter(request.connection, name, request.mechanismPreferences);
      const answer = await next(call, { ...request, connection });
      return atIndex(answer, pathOf(request.connection).index);
    },

    close: (call, connection, next) => next(call, enter(connection, name)),
  };
}

/** The Connection as seen from this hop. */
function enter(
  connection: Connection,
  name: string,
  preferences: readonly Mechanism[] = [],
): Connection {
  const { index, pathSegments: segments } = pathOf(connection);
  if (segments.length === 0) {
    if (index !== 0) throw invalid('path.index', index, '0 in an empty path');
    return withPath(connection, 0, [own(name, connection.id || randomUUID())]);
  }
  if (segments.length > maxSegments) {
    throw invalid('path.path_segments', segments.length, `at most ${String(maxSegments)} segments`);
  }
  const current = segments[index];
  if (current === undefined) {
    throw invalid('path.index', index, `less than the ${String(segments.length)} segments`);
  }
  if (current.name === name) return atIndex(connection, index);
  if (current.id !== connection.id) {
    throw invalid('connection.id', connection.id, `the id of its segment, ${current.id}`);
  }
  const following = segments[index + 1];
  if (following?.name === name) return atIndex(connection, index + 1);
  const mechanism = connection.mechanism ?? preferences[0];
  const mine = own(name, derivedId(name, current, connection.networkService, mechanism));
  const before = segments.slice(0, index + 1);
  return withPath(connection, index + 1, [...before, mine, ...segments.slice(index + 2)]);
}

/** In the form of a UUID (RFC 9562, version 8), because some take it for one. */
function derivedId(
  name: string,
  caller: PathSegment,
  service: string,
  mechanism: Mechanism | undefined,
): string {
  const { inodeURL = '', name: interfaceName = '' } = mechanism?.parameters ?? {};
  const wish = [name, caller.name, caller.id, service, inodeURL, interfaceName];
  const bytes = createHash('sha256').update(JSON.stringify(wish)).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

function own(name: string, id: string): PathSegment {
  return PathSegment.fromPartial({ name, id });
}

function withPath(connection: Connection, index: number, pathSegments: PathSegment[]): Connection {
  const id = pathSegments[index]?.id ?? connection.id;
  return { ...connection, id, path: { ...pathOf(connection), index, pathSegments } };
}
