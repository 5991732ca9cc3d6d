// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { compose } from '../chain/compose.js';
import { answering, testCall, testRequest } from '../../test/doubles/elements.js';
import { hopTime, requestMs } from './hop-time.js';

const path = { index: 1, pathSegments: [{ name: 'a' }, { name: 'b', metrics: { kept: 'yes' } }] };

t.test('writes its time into its own segment and keeps what is there', async (t) => {
  const chain = compose(hopTime());
  const answer = await chain.request(testCall(), testRequest({ id: 'x', path }));
  const [first, own] = answer.path?.pathSegments ?? [];
  t.same(first?.metrics, {});
  t.equal(own?.metrics['kept'], 'yes');
  t.match(own?.metrics[requestMs], /^\d+\.\d{3}$/);
});

t.test('an answer without a path is a bug, and said so', async (t) => {
  const chain = compose(
    hopTime(),
    answering((connection) => ({ ...connection, path: undefined })),
  );
  await t.rejects(chain.request(testCall(), testRequest({ id: 'x', path })), /no segment/);
});
