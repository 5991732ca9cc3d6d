// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { compose } from '../chain/compose.js';
import { Connection } from '../gen/connection.js';
import { recording, testCall, testRequest } from '../../test/doubles/elements.js';
import { filterMechanisms } from './filter-mechanisms.js';
import { nextHop } from './next-hop.js';

const kernel = { cls: 'LOCAL', type: 'KERNEL', parameters: {} };
const vxlan = { cls: 'REMOTE', type: 'VXLAN', parameters: {} };

function pass(url: string | undefined, ...preferences: (typeof kernel)[]) {
  const seen = recording();
  const call = testCall();
  if (url !== undefined) call.state.set(nextHop, url);
  const chain = compose(filterMechanisms(), seen);
  return chain
    .request(call, testRequest({ id: 'c' }, preferences))
    .then(() => seen.requests[0]?.mechanismPreferences.map(({ type }) => type));
}

t.test('LOCAL for this machine, REMOTE for others', async (t) => {
  t.same(await pass('unix:///x', kernel, vxlan), ['KERNEL']);
  t.same(await pass('inode://4/1', vxlan, kernel), ['KERNEL']);
  t.same(await pass('tcp://192.0.2.1:5001', kernel, vxlan), ['VXLAN']);
  t.same(await pass(undefined, kernel, vxlan), ['VXLAN']);
});

t.test('nothing left is refused, unless something was chosen before', async (t) => {
  await t.rejects(pass('tcp://192.0.2.1:5001', kernel), {
    code: 12,
    message: /KERNEL \(LOCAL\): want a REMOTE one for the next hop tcp:\/\/192\.0\.2\.1:5001/,
  });
  await t.rejects(pass('unix:///x'), { code: 12, message: /none: want a LOCAL one/ });
  const seen = recording();
  const chain = compose(filterMechanisms(), seen);
  await chain.request(testCall(), testRequest({ id: 'c', mechanism: vxlan }, [kernel]));
  t.same(seen.requests[0]?.mechanismPreferences, []);
  await chain.close(testCall(), Connection.fromPartial({ id: 'c' }));
});
