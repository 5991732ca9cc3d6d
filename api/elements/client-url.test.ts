// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { compose } from '../chain/compose.js';
import { Connection } from '../gen/connection.js';
import { testCall, testRequest } from '../../test/doubles/elements.js';
import { clientUrl } from './client-url.js';
import { nextHop } from './next-hop.js';

t.test('every connection goes there, an adopted one too', async (t) => {
  const chain = compose(clientUrl('unix:///x'));
  const call = testCall();
  await chain.request(call, testRequest({ id: 'c' }));
  t.equal(call.state.get(nextHop), 'unix:///x');
  const late = testCall();
  await chain.close(late, Connection.fromPartial({ id: 'c' }));
  t.equal(late.state.get(nextHop), 'unix:///x');
});
