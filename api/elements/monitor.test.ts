// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { status } from '@grpc/grpc-js';
import { compose } from '../chain/compose.js';
import { WireError } from '../errors/wire-error.js';
import { Connection } from '../gen/connection.js';
import { answering, failing, testCall, testRequest } from '../../test/doubles/elements.js';
import { ConnectionEvents } from './connection-events.js';
import { monitor } from './monitor.js';

t.test('UPDATE with the answer, DOWN for a failed refresh, DELETE on Close', async (t) => {
  const events = new ConnectionEvents();
  const good = compose(
    monitor(events),
    answering((connection) => ({ ...connection, payload: 'IP' })),
  );
  const bad = compose(monitor(events), failing(new WireError(status.UNAVAILABLE, 'gone')));
  const request = testRequest({ id: 'c' });
  await t.rejects(bad.request(testCall(), request), { code: 14 });
  t.equal(events.get('c'), undefined, 'a failed first Request is nobody else’s business');
  await good.request(testCall(), request);
  t.match(events.get('c'), { id: 'c', payload: 'IP', state: 0 });
  await t.rejects(bad.request(testCall(), request), { code: 14 });
  t.match(events.get('c'), { state: 1 });
  await good.request(testCall(), request);
  t.match(events.get('c'), { state: 0 });
  await t.rejects(bad.close(testCall(), Connection.fromPartial({ id: 'c' })));
  t.equal(events.get('c'), undefined);
});
