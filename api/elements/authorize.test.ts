// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { status } from '@grpc/grpc-js';
import { compose } from '../chain/compose.js';
import { WireError } from '../errors/wire-error.js';
import { Connection } from '../gen/connection.js';
import { recording, testCall, testRequest } from '../../test/doubles/elements.js';
import { authorize, type Rule } from './authorize.js';

const refuse: Rule = () => {
  throw new WireError(status.PERMISSION_DENIED, 'no sufficient privileges');
};

t.test('every rule must pass, on Request and Close', async (t) => {
  const seen = recording();
  let asked = 0;
  const pass: Rule = () => {
    asked++;
    return Promise.resolve();
  };
  const chain = compose(authorize([pass, refuse]), seen);
  await t.rejects(chain.request(testCall(), testRequest({ id: 'c' })), { code: 7 });
  await t.rejects(chain.close(testCall(), Connection.fromPartial({ id: 'c' })), { code: 7 });
  t.equal(asked, 2);
  t.same([seen.requests, seen.closes], [[], []]);
});

t.test('no rules, and what begin starts itself', async (t) => {
  const seen = recording();
  const own = compose(authorize([refuse]), seen);
  await own.request(testCall({ own: true }), testRequest({ id: 'c' }));
  await own.close(testCall({ own: true }), Connection.fromPartial({ id: 'c' }));
  await compose(authorize(), seen).request(testCall(), testRequest({ id: 'c' }));
  t.equal(seen.requests.length, 2);
  t.equal(seen.closes.length, 1);
});
