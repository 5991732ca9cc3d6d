// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { Connection } from '../gen/connection.js';
import {
  atIndex,
  contextOf,
  ipOf,
  nextSegment,
  ownSegment,
  pathOf,
  previousSegment,
  timestampMs,
  toTimestamp,
  withContext,
  withIp,
  withSegment,
} from './connection.js';

const conn = Connection.fromPartial({
  id: 'b',
  path: { index: 1, pathSegments: [{ id: 'a' }, { id: 'b' }, { id: 'c' }] },
  context: { MTU: 1400, ipContext: { srcIpAddrs: ['10.0.0.1/32'] } },
});
const empty = Connection.fromPartial({ id: 'x' });

t.test('segments', async (t) => {
  t.equal(ownSegment(conn).id, 'b');
  t.equal(previousSegment(conn)?.id, 'a');
  t.equal(nextSegment(conn)?.id, 'c');
  t.throws(() => ownSegment(empty), { code: 13 });
  t.same([previousSegment(empty), nextSegment(empty)], [undefined, undefined]);
  t.match(pathOf(empty), { index: 0, pathSegments: [] });
});

t.test('copies', async (t) => {
  t.match(atIndex(conn, 0), { id: 'a', path: { index: 0 } });
  t.match(atIndex(empty, 0), { id: 'x' });
  t.match(withSegment(conn, 2, { name: 'n' }).path?.pathSegments, [{}, {}, { id: 'c', name: 'n' }]);
  t.equal(conn.path?.pathSegments[2]?.name, '');
  t.match(withContext(conn, { MTU: 1300 }).context, {
    MTU: 1300,
    ipContext: { srcIpAddrs: [/./] },
  });
  t.match(withIp(conn, { dstIpAddrs: ['x'] }).context, {
    MTU: 1400,
    ipContext: { srcIpAddrs: ['10.0.0.1/32'], dstIpAddrs: ['x'] },
  });
  t.match(ipOf(empty), { srcIpAddrs: [] });
  t.equal(contextOf(empty).MTU, 0);
});

t.test('timestamps', async (t) => {
  for (const ms of [0, 1, 1_500, 1_767_225_600_123]) t.equal(timestampMs(toTimestamp(ms)), ms);
  t.match(toTimestamp(1_500), { seconds: 1n, nanos: 500_000_000 });
});
