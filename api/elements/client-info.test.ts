// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { compose } from '../chain/compose.js';
import { Connection } from '../gen/connection.js';
import { recording, testCall, testRequest } from '../../test/doubles/elements.js';
import { clientInfo } from './client-info.js';

t.test('adds what is known and not said', async (t) => {
  const seen = recording();
  const info = { nodeName: 'node-1', podName: 'pod-1', clusterName: '' };
  const chain = compose(clientInfo(info), seen);
  await chain.request(testCall(), testRequest({ labels: { podName: 'mine', app: 'blue' } }));
  t.same(seen.requests[0]?.connection.labels, { nodeName: 'node-1', podName: 'mine', app: 'blue' });
  await chain.close(testCall(), Connection.fromPartial({ id: 'c' }));
  await compose(clientInfo({}), seen).request(testCall(), testRequest({}));
  t.same(seen.requests[1]?.connection.labels, {});
});
