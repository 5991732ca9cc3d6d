// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { compose } from '../chain/compose.js';
import { Connection } from '../gen/connection.js';
import { recording, testCall, testRequest } from '../../test/doubles/elements.js';
import { trimPath } from './trim-path.js';

t.test('the path ends with us', async (t) => {
  const seen = recording();
  const chain = compose(trimPath(), seen);
  const pathSegments = ['a', 'b', 'c'].map((name) => ({ name }));
  const answer = await chain.request(testCall(), testRequest({ path: { index: 1, pathSegments } }));
  t.equal(answer.path?.index, 1);
  t.same(
    answer.path?.pathSegments.map(({ name }) => name),
    ['a', 'b'],
  );
  await chain.close(testCall(), Connection.fromPartial({ id: 'c' }));
  t.equal(seen.closes.length, 1);
});
