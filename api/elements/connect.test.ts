// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { status } from '@grpc/grpc-js';
import { compose } from '../chain/compose.js';
import { WireError } from '../errors/wire-error.js';
import { Connection } from '../gen/connection.js';
import {
  answering,
  failing,
  recording,
  testCall,
  testRequest,
} from '../../test/doubles/elements.js';
import { begin } from './begin.js';
import { connect } from './connect.js';

const conn = Connection.fromPartial({ id: 'c' });
const answered = answering((connection) => ({ ...connection, payload: 'IP' }));

t.test('the rest sees what the next hop answered', async (t) => {
  const [client, rest] = [recording(), recording()];
  const chain = compose(connect(compose(client, answered)), rest);
  t.match(await chain.request(testCall(), testRequest(conn)), { payload: 'IP' });
  t.equal(client.requests[0]?.connection.payload, '');
  t.equal(rest.requests[0]?.connection.payload, 'IP');
  await chain.close(testCall(), conn);
  t.equal(client.closes.length, 1);
});

t.test(
  'a new connection whose rest fails is closed at the next hop, a live one is kept',
  async (t) => {
    const client = recording();
    const steps = [
      failing(new WireError(status.RESOURCE_EXHAUSTED, 'full')),
      recording(),
      failing(new WireError(status.RESOURCE_EXHAUSTED, 'full')),
    ];
    const chain = compose(begin(), connect(compose(client, answered)), {
      kind: 'step',
      name: 'rest',
      request: (call, request, next) =>
        steps.shift()?.request(call, request, next) ?? next(call, request),
      close: () => Promise.resolve(),
    });
    await t.rejects(chain.request(testCall(), testRequest(conn)), { code: 8 });
    t.match(client.closes, [{ id: 'c', payload: 'IP' }]);
    await chain.request(testCall(), testRequest(conn));
    await t.rejects(chain.request(testCall(), testRequest(conn)), { code: 8 });
    t.equal(client.closes.length, 1);
  },
);

t.test('a next hop that refuses has nothing to close, and cannot stop our own Close', async (t) => {
  const client = recording();
  const rest = recording();
  const chain = compose(
    connect(compose(client, failing(new WireError(status.UNAVAILABLE, 'gone')))),
    rest,
  );
  await t.rejects(chain.request(testCall(), testRequest(conn)), { code: 14 });
  t.equal(client.closes.length, 0);
  await t.rejects(chain.close(testCall(), conn), { code: 14 });
  t.equal(rest.closes.length, 1);
});
