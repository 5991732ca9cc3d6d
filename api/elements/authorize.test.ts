// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { compose } from '../chain/compose.js';
import { Connection } from '../gen/connection.js';
import type { Rule } from '../identity/rules/rule.js';
import { insecure, spiffe } from '../identity/security.js';
import { TestSource } from '../../test/doubles/certificates.js';
import { answering, recording, testCall, testRequest } from '../../test/doubles/elements.js';
import { authorizeAnswer } from './authorize-answer.js';
import { authorize, authorizeBy, clientIdentity } from './authorize.js';

const refuse: Rule = {
  name: 'no-one',
  check: () => {
    throw new Error('no sufficient privileges');
  },
};
const door = 'unix:///me';

t.test('every rule must pass, on Request and Close', async (t) => {
  const seen = recording();
  const asked: readonly string[][] = [];
  const pass: Rule = {
    name: 'every-one',
    check: ({ tokens }) => {
      (asked as string[][]).push([...tokens]);
      return Promise.resolve();
    },
  };
  const chain = compose(authorizeBy([pass, refuse]), seen);
  const pathSegments = ['a', 'b', 'c'].map((token) => ({ token }));
  const conn = Connection.fromPartial({ id: 'c', path: { index: 1, pathSegments } });
  const denied = { code: 7, message: 'rule no-one: no sufficient privileges' };
  await t.rejects(chain.request(testCall({ door }), testRequest(conn)), denied);
  await t.rejects(chain.close(testCall({ door }), conn), denied);
  t.same(asked, [
    ['a', 'b'],
    ['a', 'b'],
  ]);
  t.same([seen.requests, seen.closes], [[], []]);
});

t.test(
  'who asked first is known once the rules have passed, also to what is repeated',
  async (t) => {
    const pass: Rule = { name: 'every-one', check: () => undefined };
    const body = Buffer.from('{"sub":"spiffe://a.example/nsc"}').toString('base64url');
    const pathSegments = [{ token: `e30.${body}.` }, { token: 'x' }];
    const request = testRequest({ id: 'c', path: { index: 1, pathSegments } });
    const call = testCall({ door });
    await compose(authorizeBy([pass])).request(call, request);
    t.equal(call.state.get(clientIdentity), 'spiffe://a.example/nsc');
    const own = testCall({ own: true });
    await compose(authorizeBy([pass])).request(own, request);
    t.equal(own.state.get(clientIdentity), 'spiffe://a.example/nsc');
    const [plain, denied] = [testCall({ door }), testCall({ door })];
    await compose(authorizeBy([])).request(plain, request);
    await t.rejects(compose(authorizeBy([refuse])).request(denied, request));
    t.same(
      [plain, denied].map(({ state }) => state.get(clientIdentity)),
      [undefined, undefined],
    );
  },
);

t.test('no identities, no rules; and what this process starts itself', async (t) => {
  const seen = recording();
  const own = compose(authorizeBy([refuse]), seen);
  await own.request(testCall({ own: true, door }), testRequest({ id: 'c' }));
  await own.close(testCall(), Connection.fromPartial({ id: 'c' }));
  const plain = compose(authorize(insecure('me')), seen);
  await plain.request(testCall({ door }), testRequest({ id: 'c' }));
  t.equal(seen.requests.length, 2);
  t.equal(seen.closes.length, 1);
  const strict = compose(authorize(spiffe(new TestSource())), seen);
  await t.rejects(strict.request(testCall({ door }), testRequest({ id: 'c' })), { code: 7 });
});

t.test('an answer that is refused is closed, a refresh keeps what stands', async (t) => {
  const seen = recording();
  const security = spiffe(new TestSource());
  const answer = answering((connection) => connection);
  const chain = compose(authorizeAnswer(security), seen, answer);
  await t.rejects(chain.request(testCall(), testRequest({ id: 'c' })), {
    code: 7,
    message: /^rule next-token-signed: segment 1 of the path: it is missing/,
  });
  t.equal(seen.closes.length, 1);
  const plain = compose(authorizeAnswer(insecure('me')), seen, answer);
  const call = testCall();
  await plain.request(call, testRequest({ id: 'c' }));
  await t.rejects(chain.request(call, testRequest({ id: 'c' })), { code: 7 });
  t.equal(seen.closes.length, 1);
});
