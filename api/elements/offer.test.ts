// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { compose } from '../chain/compose.js';
import { Connection } from '../gen/connection.js';
import { recording, testCall, testRequest } from '../../test/doubles/elements.js';
import { offer } from './offer.js';

const kernel = { cls: 'LOCAL', type: 'KERNEL', parameters: { inodeURL: 'inode://4/2' } };
const vxlan = { cls: 'REMOTE', type: 'VXLAN', parameters: {} };

t.test('offers after what came', async (t) => {
  const seen = recording();
  const chain = compose(offer([kernel]), seen);
  await chain.request(testCall(), testRequest({ id: 'c' }, [vxlan]));
  t.match(seen.requests[0], {
    connection: { mechanism: undefined },
    mechanismPreferences: [vxlan, kernel],
  });
  await chain.close(testCall(), Connection.fromPartial({ id: 'c' }));
  t.equal(seen.closes.length, 1);
});

t.test('the mechanism chosen before gets our parameters, another is left alone', async (t) => {
  const seen = recording();
  const chain = compose(offer([kernel]), seen);
  const chosen = { ...kernel, parameters: { inodeURL: 'inode://4/1', name: 'nsm-1' } };
  await chain.request(testCall(), testRequest({ id: 'c', mechanism: chosen }));
  t.same(seen.requests[0]?.connection.mechanism?.parameters, {
    inodeURL: 'inode://4/2',
    name: 'nsm-1',
  });
  await chain.request(testCall(), testRequest({ id: 'c', mechanism: vxlan }));
  t.same(seen.requests[1]?.connection.mechanism?.parameters, {});
});
